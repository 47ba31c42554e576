package reports

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// JUnit is for what shows tests in CI: a report is a test suite and a promise a test case. One that was violated failed, one
// that is unknown is an error, one that had nothing to judge was skipped; licensed loss passes and is told in system-out.
// A run whose verdict is worse than that of every promise has a case more, "run", that says why.
var JUnit = Format{Name: "junit", Extension: ".xml", Usage: "JUnit XML, for CI", Write: writeJUnit}

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"` // seconds
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string       `xml:"name,attr"`
	Class     string       `xml:"classname,attr"`
	Failure   *junitDetail `xml:"failure"`
	Error     *junitDetail `xml:"error"`
	Skipped   *junitDetail `xml:"skipped"`
	SystemOut *junitDetail `xml:"system-out"`
}

type junitDetail struct {
	Message string `xml:"message,attr,omitempty"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",cdata"`
}

func writeJUnit(w io.Writer, r *Report) error {
	r = legible(r)
	s := junitSuite{Name: r.Scenario, Time: strings.TrimSuffix(moment(r.Took), "s"), Properties: junitProperties(r)}
	worst := Valid
	for _, p := range r.Promises {
		worst = worst.Worse(p.Validity)
		s.add(junitPromise(r, p))
	}
	if r.Validity.Worse(worst) != worst {
		s.add(junitRun(r))
	}
	text, err := xml.MarshalIndent(junitSuites{Suites: []junitSuite{s}}, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write([]byte(xml.Header + string(text) + "\n"))
	return err
}

// add puts a case into the suite and counts it.
func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func junitPromise(r *Report, p Promise) junitCase {
	c := junitCase{Name: p.Name, Class: r.Scenario}
	text := fmt.Sprintf("%s\n%s judged: %s\n%s", p.Promise, plural(p.Events, "event"), gist(p), findingsText(p))
	switch {
	case p.Validity == Valid && p.Events == 0:
		c.Skipped = &junitDetail{Message: gist(p)}
	case p.Validity == Valid:
	case p.Validity == Licensed:
		c.SystemOut = &junitDetail{Text: text}
	case p.Validity == Invalid:
		c.Failure = &junitDetail{Message: gist(p), Type: word(p.Validity), Text: text}
	default:
		c.Error = &junitDetail{Message: gist(p), Type: word(p.Validity), Text: text}
	}
	return c
}

// junitRun is the case of the run itself, for a verdict that no promise explains.
func junitRun(r *Report) junitCase {
	c := junitCase{Name: "run", Class: r.Scenario}
	d := &junitDetail{Message: headline(r), Type: word(r.Validity), Text: headline(r)}
	switch r.Validity {
	case Licensed:
		c.SystemOut = &junitDetail{Text: d.Text}
	case Invalid:
		c.Failure = d
	default:
		c.Error = d
	}
	return c
}

func junitProperties(r *Report) []junitProperty {
	list := []junitProperty{{"verdict", verdict(r.Validity)}, {"reason", r.Reason}}
	for _, row := range factTable(r).Rows {
		list = append(list, junitProperty{row[0], row[1]})
	}
	return append(list, junitProperty{"trace", r.Trace}, junitProperty{"replay", r.Replay})
}
