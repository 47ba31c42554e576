package live

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/nsqlab/nsqlab/sim"
)

// ownerVar makes the test program one that has a cluster, tells its folder, and waits to be killed. Its value is the
// launcher's name.
const ownerVar = "NSQLAB_TEST_OWNER"

func own(kind string) {
	launcher, space, err := newLauncher(kind, os.Getenv(echoVar))
	if err != nil {
		panic(err)
	}
	c, err := New(launcher, []sim.Node{{Name: "b1"}}, 1)
	if err != nil {
		panic(err)
	}
	fmt.Println(space.folder)
	c.Run(time.Hour)
}

// newLauncher makes the launcher of the name, and gives its workspace.
func newLauncher(kind, binary string) (Launcher, *workspace, error) {
	switch kind {
	case "in-process":
		l := InProcess()
		return l, &l.(*inProcess).space, nil
	case "process":
		l := Process(binary)
		return l, &l.(*processes).space, nil
	default:
		l, err := Container(binary)
		if err != nil {
			return nil, nil, err
		}
		return l, &l.(*containers).space, nil
	}
}

// useLauncher skips the test where the launcher cannot be, and closes it at the end.
func useLauncher(t *testing.T, kind, binary string) (Launcher, *workspace) {
	t.Helper()
	if kind == "container" && testing.Short() {
		t.Skip("containers take their time: not with -short")
	}
	l, space, err := newLauncher(kind, binary)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, space
}

func TestNothingIsLeftWhenTheOwnerIsKilled(t *testing.T) {
	for _, kind := range []string{"in-process", "process", "container"} {
		for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
			t.Run(fmt.Sprint(kind, " by ", signal), func(t *testing.T) {
				useLauncher(t, kind, os.Getenv(echoVar))
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), ownerVar+"="+kind)
				cmd.Stderr = os.Stderr
				cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				line, err := bufio.NewReader(out).ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				folder := strings.TrimSpace(line)
				if left := traces(t, kind, folder); len(left) < 2 {
					t.Errorf("only %q while the owner lives", left)
				}
				volumes := volumesOf(t, kind, folder)
				if err := syscall.Kill(-cmd.Process.Pid, signal); err != nil { // as ^C does
					t.Fatal(err)
				}
				_ = cmd.Wait()
				eventually(t, "the end of all traces", func() bool { return len(traces(t, kind, folder)) == 0 })
				checkVolumes(t, volumes)
			})
		}
	}
}

// checkVolumes fails the test if one of them is still there.
func checkVolumes(t *testing.T, names []string) {
	t.Helper()
	for _, v := range names {
		if _, err := engine(t).VolumeInspect(t.Context(), v, client.VolumeInspectOptions{}); err == nil {
			t.Errorf("volume %s is left", v)
		}
	}
}

// traces lists what there is of the workspace with the folder: itself, processes and what the engine has.
func traces(t *testing.T, kind, folder string) []string {
	t.Helper()
	var found []string
	if _, err := os.Stat(folder); err == nil {
		found = append(found, folder)
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range lines {
		line, err := os.ReadFile(name)
		if err == nil && bytes.Contains(line, []byte(folder)) {
			found = append(found, string(bytes.ReplaceAll(line, []byte{0}, []byte(" "))))
		}
	}
	if kind != "container" {
		return found
	}
	filters := make(client.Filters).Add("label", labelRun+"="+filepath.Base(folder))
	containers, err := engine(t).ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers.Items {
		found = append(found, "container "+c.ID)
	}
	images, err := engine(t).ImageList(t.Context(), client.ImageListOptions{Filters: filters})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range images.Items {
		found = append(found, "image "+i.ID)
	}
	return found
}

func volumesOf(t *testing.T, kind, folder string) (names []string) {
	t.Helper()
	if kind != "container" {
		return nil
	}
	filters := make(client.Filters).Add("label", labelRun+"="+filepath.Base(folder))
	all, err := engine(t).ContainerList(t.Context(), client.ContainerListOptions{Filters: filters})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all.Items {
		for _, m := range c.Mounts {
			names = append(names, m.Name)
		}
	}
	if len(names) != len(all.Items) {
		t.Errorf("the volumes of %d nodes are %q", len(all.Items), names)
	}
	return names
}

func engine(t *testing.T) *client.Client {
	t.Helper()
	e, err := findEngine()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func TestFoldersWithoutAnOwnerAreSwept(t *testing.T) {
	dir := t.TempDir()
	folder := func(name string, file bool) string {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if file {
			if err := os.WriteFile(filepath.Join(path, ownerFile), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	dead, owned := folder(folderPrefix+"dead", true), folder(folderPrefix+"owned", true)
	fresh := folder(folderPrefix+"fresh", false)
	other := folder("other", true)
	lock, err := lockFile(filepath.Join(owned, ownerFile), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	sweepFolders(dir)
	for path, want := range map[string]bool{dead: false, owned: true, fresh: true, other: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %t, want %t", filepath.Base(path), err == nil, want)
		}
	}
}

func TestAWorkspaceWhoseWatcherIsGoneIsStillRemoved(t *testing.T) {
	var w workspace
	folder, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.watcher.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := w.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(folder); err == nil {
		t.Error("the folder is left")
	}
	if _, err := w.open(); err == nil {
		t.Error("opened again after close")
	}
}

func TestTheEngineIsSwept(t *testing.T) {
	launcher, _ := useLauncher(t, "container", os.Getenv(echoVar))
	c := newCluster(t, launcher, "b1")
	d := c.nodes[0].daemon.(*contained)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	// A second container whose owner's folder is gone.
	inspected, err := d.launcher.engine.ContainerInspect(t.Context(), d.id, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := inspected.Container.Config
	config.Labels = map[string]string{labelHost: host, labelFolder: filepath.Join(t.TempDir(), "gone")}
	made, err := d.launcher.engine.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	if err := sweepEngine(context.Background(), d.launcher.engine); err != nil {
		t.Error(err)
	}
	if _, err := d.launcher.engine.ContainerInspect(t.Context(), made.ID, client.ContainerInspectOptions{}); err == nil {
		t.Error("what has no owner is left")
		_ = removeContainer(t.Context(), d.launcher.engine, made.ID)
	}
	if !d.alive(t.Context()) {
		t.Error("what has an owner is gone")
	}
}

func TestWithoutAnEngine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
	begun := time.Now()
	_, err := Container("")
	if took := time.Since(begun); err == nil || took > time.Second {
		t.Errorf("after %v: %v", took, err)
	}
	if err != nil && !strings.Contains(err.Error(), "need a Docker engine") {
		t.Error(err)
	}
	silent, err := os.MkdirTemp("", "live-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(silent)
	l, err := net.Listen("unix", filepath.Join(silent, "sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(silent, "sock"))
	begun = time.Now()
	_, err = Container("")
	if took := time.Since(begun); err == nil || took > time.Second {
		t.Errorf("an engine that says nothing: after %v: %v", took, err)
	}
}
