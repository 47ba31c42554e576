package reports

import (
	"encoding/json"
	"encoding/xml"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestTextBeginsWithTheVerdictAndEndsWithTheCommand(t *testing.T) {
	for _, f := range fixtures {
		r := f.make()
		text := written(t, Text, r)
		lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
		if !strings.HasPrefix(lines[0], verdict(r.Validity)) {
			t.Errorf("%s: begins with %q", f.name, lines[0])
		}
		again := strings.HasPrefix(lines[len(lines)-1], "again: "+plain(r.Replay))
		if want := (r.Validity == Invalid || r.Validity == Unknown) && r.Replay != ""; again != want {
			t.Errorf("%s: the last line is %q", f.name, lines[len(lines)-1])
		}
		if regexp.MustCompile(`(?m) $`).MatchString(text) {
			t.Errorf("%s: a line ends with a space", f.name)
		}
	}
}

func TestTextCannotMoveTheCursor(t *testing.T) {
	text := written(t, Text, wildReport())
	if strings.ContainsAny(text, "\x1b\x00\r\u202e") {
		t.Error("a control character got through")
	}
	if want := plain(hostile); !strings.Contains(text, want) {
		t.Errorf("%q is not in it", want)
	}
}

func TestTextShortensALongLife(t *testing.T) {
	text := written(t, Text, wildReport())
	if !strings.Contains(text, "960 more events") {
		t.Error("it does not say how much it left out")
	}
	if !strings.Contains(text, "19.980s") || strings.Contains(text, "10.000s") {
		t.Error("it is not the middle that is left out")
	}
}

func TestJSONRoundTrips(t *testing.T) {
	for _, f := range fixtures {
		want := f.make()
		text := written(t, JSON, want)
		if strings.Contains(text, ": null") {
			t.Errorf("%s: a list is null", f.name)
		}
		got := &Report{}
		if err := json.Unmarshal([]byte(text), got); err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		again := &Report{} // what is not UTF-8 is mended in the first round
		if err := json.Unmarshal([]byte(written(t, JSON, got)), again); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s: it is not the same report after a round trip: %v", f.name, err)
		}
	}
	got := &Report{}
	if err := json.Unmarshal([]byte(written(t, JSON, fullReport())), got); err != nil || !reflect.DeepEqual(got, fullReport()) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// readJUnit reads the XML back, strictly.
func readJUnit(t *testing.T, r *Report) junitSuite {
	t.Helper()
	var s junitSuites
	if err := xml.Unmarshal([]byte(written(t, JUnit, r)), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Suites) != 1 {
		t.Fatalf("%d suites", len(s.Suites))
	}
	return s.Suites[0]
}

func TestJUnitTellsEachPromise(t *testing.T) {
	s := readJUnit(t, fullReport())
	if s.Tests != 5 || s.Failures != 1 || s.Errors != 1 || s.Skipped != 1 || s.Time != "12.345" {
		t.Errorf("got %+v", s)
	}
	loss, phantoms, redelivery, latency, deferral := s.Cases[0], s.Cases[1], s.Cases[2], s.Cases[3], s.Cases[4]
	if loss.Failure == nil || !strings.Contains(loss.Failure.Text, "message 1-617") || !strings.Contains(loss.Failure.Text, "and 10 more") {
		t.Errorf("no-loss: got %+v", loss.Failure)
	}
	if phantoms.Failure != nil || phantoms.Error != nil || phantoms.Skipped != nil {
		t.Errorf("no-phantoms did not pass: %+v", phantoms)
	}
	if redelivery.Failure != nil || redelivery.Error != nil || redelivery.SystemOut == nil || !strings.Contains(redelivery.SystemOut.Text, "1-590") {
		t.Errorf("redelivery: got %+v", redelivery)
	}
	if latency.Error == nil || latency.Error.Type != "unknown" {
		t.Errorf("latency: got %+v", latency)
	}
	if deferral.Skipped == nil {
		t.Errorf("deferral: got %+v", deferral)
	}
	if last := s.Properties[len(s.Properties)-1]; last.Name != "replay" || last.Value != fullReport().Replay {
		t.Errorf("the last property is %+v", last)
	}
}

func TestJUnitIsNotGreenWithoutPromises(t *testing.T) {
	for v, want := range map[Validity][2]int{"": {0, 1}, Unknown: {0, 1}, Invalid: {1, 0}, Licensed: {0, 0}, Valid: {0, 0}} {
		r := fixture(t, "held")
		r.Validity = v
		if s := readJUnit(t, r); s.Failures != want[0] || s.Errors != want[1] {
			t.Errorf("%q: %d failures and %d errors", v, s.Failures, s.Errors)
		}
	}
	if s := readJUnit(t, &Report{}); s.Errors != 1 {
		t.Errorf("an empty report has %d errors", s.Errors)
	}
}

func TestJUnitParsesBackWhateverIsInIt(t *testing.T) {
	s := readJUnit(t, wildReport())
	if got := s.Cases[len(s.Cases)-1].Name; got != plain(hostile) {
		t.Errorf("got %q, want %q", got, plain(hostile))
	}
}

var (
	markdownTags  = regexp.MustCompile(`</?(details|summary|b|p|pre|code)>`)
	markdownPipes = regexp.MustCompile(`(^|[^\\])\|`)
)

func TestMarkdownEscapes(t *testing.T) {
	text := written(t, Markdown, wildReport())
	if i := strings.IndexAny(markdownTags.ReplaceAllString(text, ""), "<"); i >= 0 {
		t.Error("a tag got through")
	}
	if opens, closes := strings.Count(text, "<pre>"), strings.Count(text, "</pre>"); opens != closes {
		t.Errorf("%d <pre> and %d </pre>", opens, closes)
	}
	cells := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		n := len(markdownPipes.FindAllString(strings.ReplaceAll(line, `\\`, ""), -1))
		if cells != 0 && n != cells {
			t.Errorf("%d cells where the head has %d: %s", n-1, cells-1, line)
		}
		cells = n
	}
}

func TestMarkdownFitsIntoAComment(t *testing.T) {
	r := fullReport()
	life := make([]Event, 30)
	for i := range life {
		life[i] = Event{Process: "consumer-1", What: strings.Repeat("long ", 20)}
	}
	for i := range r.Promises {
		r.Promises[i].Count = 10
		r.Promises[i].Findings = make([]Finding, 10)
		for j := range r.Promises[i].Findings {
			r.Promises[i].Findings[j] = Finding{Validity: Invalid, What: "it was lost", At: time.Second, Biography: life}
		}
	}
	text := written(t, Markdown, r)
	if len(text) > 65536 {
		t.Errorf("%d bytes", len(text))
	}
	if !strings.Contains(text, "and 10 more") || !strings.Contains(text, "Again:") {
		t.Error("it does not say what was left out, or not how to see it again")
	}
}
