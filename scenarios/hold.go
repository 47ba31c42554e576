package scenarios

import (
	"bytes"
	"fmt"

	"github.com/nsqlab/nsqlab/reports"
)

// Holding is a matcher, as Gomega has them, of reports whose promises held; see HoldItsPromises.
type Holding struct{}

// HoldItsPromises says that a run's verdict is valid or licensed. Its failure is the report, and ends with the command that shows it again.
//
//	Expect(report).To(scenarios.HoldItsPromises())
func HoldItsPromises() Holding { return Holding{} }

// Match implements Gomega's matcher.
func (Holding) Match(actual any) (bool, error) {
	r, ok := actual.(*reports.Report)
	if !ok || r == nil {
		return false, fmt.Errorf("HoldItsPromises wants a *reports.Report, not %T", actual)
	}
	return r.Validity == reports.Valid || r.Validity == reports.Licensed, nil
}

// FailureMessage implements Gomega's matcher.
func (Holding) FailureMessage(actual any) string {
	var b bytes.Buffer
	if err := reports.Text.Write(&b, actual.(*reports.Report)); err != nil {
		return err.Error()
	}
	return "Expected a run to hold its promises.\n" + b.String()
}

// NegatedFailureMessage implements Gomega's matcher.
func (Holding) NegatedFailureMessage(actual any) string {
	r := actual.(*reports.Report)
	return fmt.Sprintf("Expected a run not to hold its promises, but it is %s.\nagain: %s", r.Validity, r.Replay)
}
