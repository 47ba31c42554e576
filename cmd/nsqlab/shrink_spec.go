package main

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/nsqlab/nsqlab/scenarios"
)

// testName is the file of the test that plays a shrunk scenario.
func testName(name string) string { return strings.ReplaceAll(name, "-", "_") + "_test.go" }

// spec is that test: a package of its own, which needs nothing but this module, Ginkgo and Gomega.
func spec(name string, res *scenarios.Shrunk) string {
	return strings.NewReplacer("NAME", name, "GOES", goes(name), "FINDING", fmt.Sprintf("%q", res.Anomaly.Promise+" holds, unlike when this was found: "+res.Finding)).Replace(specText)
}

// goes is a name as a Go identifier.
func goes(name string) string {
	var b strings.Builder
	up := true
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			up = true
		case up:
			b.WriteRune(unicode.ToUpper(r))
			up = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

const specText = `// Package shrunk_test plays NAME.yaml, which lies beside it, under its own seed, and fails if a promise is broken:
//
//	go test .
//
// It is a package with a suite of its own, of which Ginkgo runs one a package: into one that has a suite, take the Describe alone.
package shrunk_test

import (
	"context"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

func TestGOES(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "NAME")
}

var _ = Describe("NAME", func() {
	It(FINDING, func() {
		s, err := scenarios.Load("NAME.yaml")
		Expect(err).NotTo(HaveOccurred())
		w, err := sim.NewWorld(s.Seed, s.Nodes(), s.Links)
		Expect(err).NotTo(HaveOccurred())
		report, err := scenarios.Play(context.Background(), s, scenarios.Stand{
			Cluster: w, Backend: "virtual", Seed: s.Seed, Slack: s.Links.Slack(),
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(w.Close()).To(Succeed())
		Expect(report).To(scenarios.HoldItsPromises())
	})
})
`
