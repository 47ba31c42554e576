package scenarios_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/mattn/go-isatty"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
	"github.com/nsqlab/nsqlab/sim/live"
)

var seeds = flag.Uint64("seeds", 4, "seeds that every scenario is played under in virtual time, each twice")

func TestScenarios(t *testing.T) {
	t.Parallel() // with the plants: much of it waits for real time
	RegisterFailHandler(Fail)
	suite, reporter := GinkgoConfiguration()
	reporter.NoColor = reporter.NoColor || !isatty.IsTerminal(os.Stdout.Fd())
	RunSpecs(t, "scenarios", suite, reporter)
}

// load reads a scenario, which must be right.
func load(file string) *scenarios.Scenario {
	GinkgoHelper()
	s, err := scenarios.Load(file)
	Expect(err).NotTo(HaveOccurred())
	s.File = filepath.Join("scenarios", file) // as the command that shows it again needs it
	return s
}

// play plays a scenario at a stand whose history is a file of the test's.
func play(s *scenarios.Scenario, at scenarios.Stand) *reports.Report {
	GinkgoHelper()
	f, err := os.Create(filepath.Join(GinkgoT().TempDir(), "history.jsonl"))
	Expect(err).NotTo(HaveOccurred())
	defer f.Close()
	at.History = f
	r, err := scenarios.Play(context.Background(), s, at)
	Expect(err).NotTo(HaveOccurred())
	Expect(at.Cluster.Close()).To(Succeed())
	return r
}

// virtual plays a scenario in virtual time.
func virtual(s *scenarios.Scenario, seed uint64) *reports.Report {
	GinkgoHelper()
	w, err := sim.NewWorld(seed, s.Nodes(), s.Links)
	Expect(err).NotTo(HaveOccurred())
	return play(s, scenarios.Stand{Cluster: w, Backend: "virtual", Seed: seed, Slack: s.Links.Slack()})
}

func files() []string {
	all, err := filepath.Glob("*.yaml")
	if err != nil {
		panic(err)
	}
	return all
}

var _ = Describe("Every scenario, in virtual time", Label("virtual"), func() {
	for _, file := range files() {
		It("holds its promises under every seed, and a seed is one run: "+file, func() {
			s := load(file)
			lost := 0
			for seed := uint64(1); seed <= *seeds; seed++ {
				r := virtual(s, seed)
				Expect(r).To(scenarios.HoldItsPromises())
				Expect(virtual(s, seed).Trace).To(Equal(r.Trace), "seed %d played twice", seed)
				lost += r.Counts.Lost
			}
			AddReportEntry("acknowledged messages lost, by licence", lost, ReportEntryVisibilityFailureOrVerbose)
		})
		It("is the same run on one processor and on two: "+file, func() {
			s := load(file)
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			one := virtual(s, 7).Trace
			runtime.GOMAXPROCS(2)
			Expect(virtual(s, 7).Trace).To(Equal(one))
			Expect(virtual(s, 8).Trace).NotTo(Equal(one), "another seed is another run")
		})
	}
})

// moreSeeds are those that what is in the corpus is played under, beside its own.
const moreSeeds = 20

var _ = Describe("An old failure", Label("virtual"), func() {
	all, err := filepath.Glob(filepath.Join("corpus", "*.yaml"))
	if err != nil || len(all) == 0 {
		panic(fmt.Sprint("the corpus is empty: ", err))
	}
	for _, file := range all {
		It("is none any more: "+file, func() {
			s := load(file)
			Expect(virtual(s, s.Seed)).To(scenarios.HoldItsPromises())
			for seed := uint64(1); seed <= moreSeeds; seed++ {
				if r := virtual(load(file), seed); r.Validity != reports.Unknown { // so small that a fault may hit nothing
					Expect(r).To(scenarios.HoldItsPromises())
				}
			}
		})
	}
})

// A stage is a real cluster that scenarios can be played on.
type stage struct {
	name   string
	launch func() (live.Launcher, error)
	files  []string // those it plays
}

var stages = []stage{
	{"inprocess", func() (live.Launcher, error) { return live.InProcess(), nil }, []string{"steady.yaml", "partition.yaml", "partitions-shapes.yaml", "memory-clean-stop.yaml", "lookup-down-at-start.yaml", "bad-consumers.yaml"}},
	{"process", func() (live.Launcher, error) { return live.Process(""), nil }, []string{"paused_broker.yaml", "crashing_consumer.yaml", "kill-os.yaml", "rolling_reconfigure.yaml"}},
	{"container", func() (live.Launcher, error) { return live.Container("") }, []string{"paused_broker.yaml"}},
}

// slack is how far times may be off on a shared machine in real time.
const slack = 600 * time.Millisecond

var _ = Describe("A real cluster", func() {
	for _, st := range stages {
		Describe(st.name, Ordered, Label(st.name), func() {
			var launcher live.Launcher
			BeforeAll(func() {
				l, err := st.launch()
				if err != nil {
					Skip(st.name + " cannot be had here: " + err.Error())
				}
				launcher = l
				DeferCleanup(launcher.Close)
			})
			real := func(s *scenarios.Scenario) *reports.Report {
				GinkgoHelper()
				c, err := live.New(launcher, s.Nodes(), 1)
				Expect(err).NotTo(HaveOccurred())
				return play(s, scenarios.Stand{Cluster: c, Backend: st.name, Seed: 1, Slack: slack, Nonce: time.Now().UnixNano()})
			}
			for _, file := range st.files {
				It("holds the promises of "+file, func() {
					r := real(load(file))
					Expect(r).To(scenarios.HoldItsPromises())
					Expect(r.Validity).To(Equal(reports.Valid), r.Reason)
				})
			}
			It("loses acknowledged messages when a broker with nothing on disk is killed, and says which", func() {
				r := real(load("kill.yaml"))
				Expect(r).To(scenarios.HoldItsPromises())
				Expect(r.Validity).To(Equal(reports.Licensed), r.Reason)
				Expect(r.Counts.Lost).To(BeNumerically(">", 0))
				Expect(r.Promises[0].Findings[0].Biography).NotTo(BeEmpty())
			})
			It("loses nothing without the kill", func() {
				s := load("kill.yaml")
				s.Faults = s.Faults[:1]
				r := real(s)
				Expect(r).To(scenarios.HoldItsPromises())
				Expect(r.Validity).To(Equal(reports.Valid), r.Reason)
				Expect(r.Counts.Lost).To(BeZero())
			})
		})
	}

	It("makes the run unknown, with the reason, when it cannot suffer a fault", Label("inprocess"), func() {
		launcher := live.InProcess()
		DeferCleanup(launcher.Close)
		s := load("paused_broker.yaml")
		s.Producers[0].For, s.Faults[0].For = 2*time.Second, 500*time.Millisecond
		c, err := live.New(launcher, s.Nodes(), 1)
		Expect(err).NotTo(HaveOccurred())
		r := play(s, scenarios.Stand{Cluster: c, Backend: "inprocess", Seed: 1, Slack: slack})
		Expect(r.Validity).To(Equal(reports.Unknown))
		Expect(r.Reason).To(ContainSubstring("cannot be paused"))
	})

	It("makes the run unknown, with the reason, when it has no disks to harm", Label("inprocess"), func() {
		launcher := live.InProcess()
		DeferCleanup(launcher.Close)
		s := load("diskfull.yaml")
		for _, p := range s.Producers {
			p.For = 2 * time.Second
		}
		s.Faults[0].At, s.Faults[0].For = time.Second, 500*time.Millisecond
		c, err := live.New(launcher, s.Nodes(), 1)
		Expect(err).NotTo(HaveOccurred())
		r := play(s, scenarios.Stand{Cluster: c, Backend: "inprocess", Seed: 1, Slack: slack})
		Expect(r.Validity).To(Equal(reports.Unknown))
		Expect(r.Reason).To(ContainSubstring("has no disks that can be harmed"))
	})
})

var _ = Describe("A verdict", Label("virtual"), func() {
	It("is a violation when the scenario is strict and a licence would be needed", func() {
		s := load("kill.yaml")
		s.Strict = true
		r := virtual(s, 1)
		Expect(r).NotTo(scenarios.HoldItsPromises())
		Expect(r.Validity).To(Equal(reports.Invalid))
		Expect(r.Replay).To(Equal("nsqlab run --backend=virtual --seed=1 scenarios/kill.yaml"))
	})
	It("is unknown when a fault hits nobody", func() {
		s := load("partition.yaml")
		s.Faults = s.Faults[:1]
		s.Faults[0].At, s.Faults[0].For = 50*time.Millisecond, time.Nanosecond
		r := virtual(s, 1)
		Expect(r.Validity).To(Equal(reports.Unknown))
		Expect(r.Reason).To(ContainSubstring("hit nothing"))
	})
	It("is unknown when the drain is not complete", func() {
		s := load("slow_consumer.yaml")
		s.Drain = 300 * time.Millisecond
		r := virtual(s, 1)
		Expect(r.Validity).To(Equal(reports.Unknown))
		Expect(r.Reason).To(ContainSubstring("the drain was not complete"))
	})
})
