package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"slices"
	"strings"
)

// Metadata is what nsqd.dat says: the topics and channels there are, and which are paused. All but Offsets is as in nsqd, which passes over that.
type Metadata struct {
	Topics  []TopicMetadata `json:"topics"`
	Offsets Offset          `json:"offsets,omitempty"` // the log of a new topic may not begin below
	Version string          `json:"version"`
}

// TopicMetadata is a topic's part of it.
type TopicMetadata struct {
	Name     string            `json:"name"`
	Paused   bool              `json:"paused"`
	Channels []ChannelMetadata `json:"channels"`
}

// ChannelMetadata is a channel's part of its topic's.
type ChannelMetadata struct {
	Name   string `json:"name"`
	Paused bool   `json:"paused"`
}

const (
	metadataFile = "nsqd.dat"
	maxMetadata  = 256 << 20 // bytes that are read of it
)

// ReadMetadata reads nsqd.dat; without the file it is the zero Metadata. What is damaged is no error: the warning says what is wrong, if
// anything is, and m is what could be read. Names that are not valid are left out, and so are topics and channels that come a second time.
func ReadMetadata(fs FS, valid func(name string) bool) (m Metadata, warning string, err error) {
	p, err := readFile(fs, metadataFile, maxMetadata)
	if errors.Is(err, iofs.ErrNotExist) {
		return m, "", nil
	}
	if err != nil {
		return m, "", fmt.Errorf("store: %w", err)
	}
	wrong := m.parse(p)
	wrong = append(wrong, m.weed(valid)...)
	if len(wrong) > 0 {
		warning = metadataFile + ": " + strings.Join(wrong, "; ")
	}
	return m, warning, nil
}

// parse reads as many topics as there are before the first damage.
func (m *Metadata) parse(p []byte) (wrong []string) {
	if len(bytes.TrimSpace(p)) == 0 {
		return []string{"the file is empty"}
	}
	d := json.NewDecoder(bytes.NewReader(p))
	err := m.decode(d)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.New("something follows the object")
	}
	return []string{fmt.Sprintf("what follows byte %d of %d cannot be read: %v", d.InputOffset(), len(p), err)}
}

// decode reads the object.
func (m *Metadata) decode(d *json.Decoder) error {
	if err := expect(d, '{'); err != nil {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		switch key {
		case "topics":
			err = m.decodeTopics(d)
		case "offsets":
			err = d.Decode(&m.Offsets)
		case "version":
			err = d.Decode(&m.Version)
		default: // of another release
			var other json.RawMessage
			err = d.Decode(&other)
		}
		if err != nil {
			return err
		}
	}
	return expect(d, '}')
}

func (m *Metadata) decodeTopics(d *json.Decoder) error {
	if open, err := d.Token(); open == nil || err != nil { // null is an empty list
		return err
	} else if open != json.Delim('[') {
		return fmt.Errorf("the topics are %v, not a list", open)
	}
	for d.More() {
		var t TopicMetadata
		if err := d.Decode(&t); err != nil {
			return err
		}
		m.Topics = append(m.Topics, t)
	}
	return expect(d, ']')
}

// expect reads one token.
func expect(d *json.Decoder, want json.Delim) error {
	token, err := d.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err == nil && token != want {
		err = fmt.Errorf("%v where %v should be", token, want)
	}
	return err
}

// weed takes out the names that are not valid and those that were there before.
func (m *Metadata) weed(valid func(string) bool) (wrong []string) {
	topics := map[string]bool{}
	m.Topics = slices.DeleteFunc(m.Topics, func(t TopicMetadata) bool {
		ok := valid(t.Name) && !topics[t.Name]
		if !ok {
			wrong = append(wrong, fmt.Sprintf("topic %q is left out", t.Name))
		}
		topics[t.Name] = true
		return !ok
	})
	for i := range m.Topics {
		t := &m.Topics[i]
		channels := map[string]bool{}
		t.Channels = slices.DeleteFunc(t.Channels, func(c ChannelMetadata) bool {
			ok := valid(c.Name) && !channels[c.Name]
			if !ok {
				wrong = append(wrong, fmt.Sprintf("channel %q of topic %q is left out", c.Name, t.Name))
			}
			channels[c.Name] = true
			return !ok
		})
	}
	m.null()
	return wrong
}

// null makes empty lists nil, which are null in JSON.
func (m *Metadata) null() {
	if len(m.Topics) == 0 {
		m.Topics = nil
	}
	for i := range m.Topics {
		if len(m.Topics[i].Channels) == 0 {
			m.Topics[i].Channels = nil
		}
	}
}

// WriteMetadata puts a new nsqd.dat in the place of the old one and makes it last. After an error either may stand there.
func WriteMetadata(fs FS, m Metadata) error {
	m.Topics = slices.Clone(m.Topics)
	m.null()
	p, err := json.Marshal(m)
	if err == nil {
		err = replaceFile(fs, metadataFile, p)
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Topics lists the topics of which there is a log or a journal, in order.
func Topics(fs FS) ([]string, error) {
	files, err := fs.List()
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var names []string
	for _, f := range files {
		topic, _, ok := ParseFileName(f)
		if !ok {
			topic, _, ok = ParseJournalName(f)
		}
		if ok {
			names = append(names, topic)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// readFile reads a file, up to a limit.
func readFile(fs FS, name string, limit int64) ([]byte, error) {
	size, err := fs.Size(name)
	if err != nil {
		return nil, err
	}
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := make([]byte, min(size, limit))
	n, err := f.ReadAt(p, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return p[:n], err
}

// replaceFile makes a file, whole or not at all, by way of <name>.0.tmp. What was left of such before is removed.
func replaceFile(fs FS, name string, data []byte) error {
	files, err := fs.List()
	if err != nil {
		return err
	}
	for _, f := range files {
		if isTemporary(name, f) {
			if err := fs.Remove(f); err != nil {
				return err
			}
		}
	}
	temporary := name + ".0.tmp"
	f, err := fs.Create(temporary)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(temporary, name); err != nil {
		return err
	}
	return fs.SyncDir()
}

// isTemporary says whether a file is <name>.<number>.tmp; nsqd takes any number.
func isTemporary(name, file string) bool {
	number, ok := strings.CutPrefix(file, name+".")
	if !ok {
		return false
	}
	number, ok = strings.CutSuffix(number, ".tmp")
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}
