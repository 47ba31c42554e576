package lookup

import "slices"

// maxWatchers bounds those who wait for a change.
const maxWatchers = 100_000

// A watcher waits for a topic to change.
type watcher struct{ told func() }

// touch notes that a topic has changed, and tells those who wait for that. Needs r.mu.
func (r *Registry) touch(t *topic) {
	r.changes++
	r.edits++
	t.changed = r.changes
	for _, w := range r.watchers[t.name] {
		r.watching--
		w.told()
	}
	delete(r.watchers, t.name)
}

// Watch calls told, which must not block nor call the registry, once: when Lookup of a topic gives another index than the one the caller
// knows, which may be at once; that of an unknown topic is 0. Time alone, which makes a producer silent or ends a tombstone, is not a
// change. cancel calls it off. ok is false if too many wait.
func (r *Registry) Watch(name string, index uint64, told func()) (cancel func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.topics[name]; t != nil && t.changed != index || t == nil && index != 0 {
		told()
		return func() {}, true
	}
	if r.watching >= maxWatchers {
		return nil, false
	}
	w := &watcher{told}
	r.watchers[name] = append(r.watchers[name], w)
	r.watching++
	return func() { r.unwatch(name, w) }, true
}

func (r *Registry) unwatch(name string, w *watcher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := slices.DeleteFunc(r.watchers[name], func(other *watcher) bool {
		if other == w {
			r.watching--
		}
		return other == w
	})
	if r.watchers[name] = left; len(left) == 0 {
		delete(r.watchers, name)
	}
}
