package reports

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

var shots = flag.String("shots", "", "a folder to put a picture of each page of the page test into")

// browse starts a headless browser with an empty profile, or skips the test where there is none.
func browse(t *testing.T) context.Context {
	t.Helper()
	var path string
	names := []string{"chromium", "chromium-browser", "google-chrome", "chrome"}
	for _, name := range names {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skipf("no browser: none of %s is in the PATH", strings.Join(names, ", "))
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, quit := chromedp.NewContext(ctx)
	t.Cleanup(quit)
	return ctx
}

// survey is what the page says of itself.
type survey struct {
	ScrollWidth, InnerWidth int
	Verdict                 string
	VerdictTop, VerdictEnd  float64
	Foreign                 int      // elements that the page has no use for
	Spilt                   []string // elements that stand out of the window, and not inside of what scrolls
	Faint                   []string // texts with too little contrast
	Unnamed                 int      // pictures without a name, tables without heads
}

const surveyScript = `(() => {
  const rgb = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m };
  const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }); return .2126 * r + .7152 * g + .0722 * b };
  const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c } return rgb(getComputedStyle(document.body).backgroundColor) };
  const faint = [], spilt = [];
  for (const e of document.querySelectorAll("body *")) {
    const box = e.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    if ((box.left < -1 || box.right > innerWidth + 1) && !e.closest(".scroll table")) spilt.push(e.tagName + "." + (e.className.baseVal ?? e.className) + " " + box.left + " to " + box.right + ": " + e.textContent.slice(0, 40));
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    if (e.closest("title, desc")) continue;
    const style = getComputedStyle(e);
    const a = light(rgb(e instanceof SVGElement ? style.fill : style.color)), b = light(ground(e));
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (contrast < 4.5) faint.push(e.tagName + " " + contrast.toFixed(2) + ": " + e.textContent.slice(0, 40));
  }
  const h1 = document.querySelector("h1"), box = h1.getBoundingClientRect();
  return {
    ScrollWidth: document.documentElement.scrollWidth, InnerWidth: innerWidth,
    Verdict: h1.innerText, VerdictTop: box.top, VerdictEnd: box.bottom,
    Foreign: document.querySelectorAll("script, img, iframe, object, embed, a[href^=javascript]").length,
    Spilt: spilt, Faint: faint,
    Unnamed: [...document.querySelectorAll("svg[role=img]")].filter(s => !s.querySelector(":scope > title") || !s.querySelector(":scope > desc")).length
      + [...document.querySelectorAll("table")].filter(t => !t.querySelector("thead th[scope=col]")).length,
  };
})()`

func TestPage(t *testing.T) {
	ctx := browse(t)
	fetched := make(chan string, 1000)
	err := chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*network.EventRequestWillBeSent); ok && !strings.HasPrefix(e.Request.URL, "file:") && !strings.HasPrefix(e.Request.URL, "data:") {
			fetched <- e.Request.URL
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	for _, f := range fixtures {
		path := filepath.Join(t.TempDir(), f.name+".html")
		if err := os.WriteFile(path, []byte(written(t, HTML, f.make())), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, width := range []int64{1400, 390} {
			for _, scheme := range []string{"light", "dark"} {
				t.Run(fmt.Sprintf("%s-%d-%s", f.name, width, scheme), func(t *testing.T) {
					checkPage(t, ctx, path, width, scheme, verdict(f.make().Validity))
				})
			}
		}
	}
	if len(fetched) > 0 {
		t.Errorf("it fetched %s", <-fetched)
	}
}

func checkPage(t *testing.T, ctx context.Context, path string, width int64, scheme, verdict string) {
	const height = 900
	dress := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, dress); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height), chromedp.Navigate("file://"+path)); err != nil {
		t.Fatal(err)
	}
	s, err := chromedp.Run(ctx, chromedp.Evaluate[survey](surveyScript))
	if err != nil {
		t.Fatal(err)
	}
	if *shots != "" {
		shoot(t, ctx)
	}
	if s.ScrollWidth > s.InnerWidth || s.InnerWidth != int(width) {
		t.Errorf("the page is %d wide in a window of %d", s.ScrollWidth, s.InnerWidth)
	}
	if s.Verdict != verdict || s.VerdictTop < 0 || s.VerdictEnd > height || s.VerdictEnd <= s.VerdictTop {
		t.Errorf("the verdict %q is from %v to %v", s.Verdict, s.VerdictTop, s.VerdictEnd)
	}
	if s.Foreign > 0 || s.Unnamed > 0 {
		t.Errorf("%d elements are foreign, %d pictures or tables have no name", s.Foreign, s.Unnamed)
	}
	if len(s.Spilt) > 0 {
		t.Errorf("%d elements stand out of the window:\n%.3000s", len(s.Spilt), strings.Join(s.Spilt, "\n"))
	}
	if len(s.Faint) > 0 {
		t.Errorf("%d texts have too little contrast:\n%.3000s", len(s.Faint), strings.Join(s.Faint, "\n"))
	}
}

// shoot takes a picture of the whole page.
func shoot(t *testing.T, ctx context.Context) {
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*shots, strings.ReplaceAll(t.Name(), "/", "-")+".png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
