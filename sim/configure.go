package sim

import (
	"errors"
	"fmt"
)

// Configure implements Configurer. A world's nodes are all of one program.
func (w *World) Configure(name string, args []string, binary string) error {
	n, err := w.find(name)
	switch {
	case err != nil:
		return err
	case binary != "":
		return fmt.Errorf("sim: node %s as %s: a world's nodes are of one program: %w", name, binary, errors.ErrUnsupported)
	case n.life != nil:
		return fmt.Errorf("sim: node %s is up", name)
	}
	for _, arg := range args {
		if err := n.spec.Kind.CheckArg(arg); err != nil {
			return fmt.Errorf("sim: node %s with %s: %w", name, arg, err)
		}
	}
	n.more = args
	return nil
}
