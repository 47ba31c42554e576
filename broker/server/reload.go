package server

import "errors"

// Reload reads anew what stands in files beside the data: it opens the file of the log again, for it may have been moved away, and reads the
// TLS certificate. What fails stays as it was, and is told of. No connection is touched. Safe from any goroutine.
func (d *Nsqd) Reload() error {
	var errs []error
	for _, reload := range d.reloads {
		errs = append(errs, reload())
	}
	return errors.Join(errs...)
}
