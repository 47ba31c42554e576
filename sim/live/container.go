//go:build unix

package live

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"

	"github.com/nsqlab/nsqlab/sim"
)

const (
	imagePrefix  = "nsqlab-"
	imageTimeout = 2 * time.Minute // for the image to be made
	ryuk         = "TESTCONTAINERS_RYUK_DISABLED"
)

// containers launches every node in a container of its own.
type containers struct {
	engine   *client.Client
	provider *testcontainers.DockerProvider
	space    workspace
	ready    func() error // sets labels, the first time
	labels   map[string]string
	image    map[sim.Kind]func() (string, error) // makes it, the first time
}

// Container launches nodes in containers: of brokers they run binary, which takes nsqd's flags and is linked statically. What
// is not given, "", and nsqlookupd are built once with the go command. They are gone when this process is, however it ends. Without a Docker engine on this
// machine the error says so at once.
//
// Testcontainers would have a container of its own remove the others, from an image that must be pulled; we do that
// ourselves, so its variable TESTCONTAINERS_RYUK_DISABLED is set to true unless it has a value.
func Container(binary string) (Launcher, error) {
	engine, err := findEngine()
	if err != nil {
		return nil, err
	}
	if !isLocal(engine.DaemonHost()) {
		engine.Close()
		return nil, fmt.Errorf("containers need a Docker engine on this machine, and DOCKER_HOST is %s", engine.DaemonHost())
	}
	if _, set := os.LookupEnv(ryuk); !set {
		if err := os.Setenv(ryuk, "true"); err != nil {
			return nil, err
		}
	}
	tclog.SetDefault(tclog.NewNoopLogger())
	provider, err := testcontainers.NewDockerProvider(testcontainers.WithDefaultBridgeNetwork(testcontainers.Bridge))
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	provider.SetClient(engine)
	c := &containers{engine: engine, provider: provider}
	c.space.orphaned = func(id string) string { return farewell(engine.DaemonHost(), id) }
	c.ready = sync.OnceValue(c.makeReady)
	c.image = map[sim.Kind]func() (string, error){
		sim.Broker:  sync.OnceValues(func() (string, error) { return c.makeImage(sim.Broker, binary) }),
		sim.Lookupd: sync.OnceValues(func() (string, error) { return c.makeImage(sim.Lookupd, "") }),
	}
	return c, nil
}

// makeReady makes what all images need.
func (c *containers) makeReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), imageTimeout)
	defer cancel()
	folder, err := c.space.open()
	if err != nil {
		return err
	}
	if err := sweepEngine(ctx, c.engine); err != nil {
		return fmt.Errorf("remove what others have left: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	c.labels = map[string]string{labelRun: filepath.Base(folder), labelHost: host, labelFolder: folder, labelPid: strconv.Itoa(os.Getpid())}
	return nil
}

// makeImage makes the image of a kind of nodes and gives its name.
func (c *containers) makeImage(kind sim.Kind, binary string) (string, error) {
	if err := c.ready(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), imageTimeout)
	defer cancel()
	file, err := find(binary, kind, &c.space)
	if err != nil {
		return "", err
	}
	content, err := readStatic(file)
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(content)
	program := path.Base(programs[kind])
	// The tag is the owner's own, so that nobody removes another's image.
	name := fmt.Sprintf("%s%s:%s-%s", imagePrefix, program, hex.EncodeToString(hash[:6]), c.labels[labelRun])
	return name, c.importImage(ctx, name, program, content)
}

// importImage makes an image of that name that holds the program and nothing else.
func (c *containers) importImage(ctx context.Context, name, program string, content []byte) error {
	files, err := archive(program, content)
	if err != nil {
		return err
	}
	source := client.ImageImportSource{Source: bytes.NewReader(files), SourceName: "-"}
	done, err := c.engine.ImageImport(ctx, source, name, client.ImageImportOptions{Changes: []string{labelLine(c.labels)}})
	if err != nil {
		return fmt.Errorf("import image: %w", err)
	}
	defer done.Close()
	said, err := io.ReadAll(done)
	if err == nil {
		_, err = c.engine.ImageInspect(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("import image: %w; the engine said: %s", err, said)
	}
	return nil
}

// readStatic reads a program that can run without any file beside it.
func readStatic(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	program, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("%s is no program for a container: %w", path, err)
	}
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("%s is linked dynamically; build it with CGO_ENABLED=0", path)
		}
	}
	return content, nil
}

// labelLine is the line of a Dockerfile that sets the labels.
func labelLine(labels map[string]string) string {
	line := "LABEL"
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		line += fmt.Sprintf(" %q=%s", key, strings.ReplaceAll(strconv.Quote(labels[key]), "$", `\$`))
	}
	return line
}

// archive is a tar of one layer with the program.
func archive(name string, program []byte) ([]byte, error) {
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(program))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	err := w.Close()
	return files.Bytes(), err
}

// Close implements Launcher.
func (c *containers) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	if id := c.labels[labelRun]; id != "" {
		err = removeLabelled(ctx, c.engine, labelRun+"="+id, func(map[string]string) bool { return true })
	}
	return errors.Join(err, c.space.close(), c.engine.Close())
}

// A daemon in its container. Its data is in a volume, which goes with the container but not with the process.
const (
	innerTCP  = "4150"
	innerHTTP = "4151"
	innerData = "/data"
)

// bridgeName is the option of a network that names this machine's interface to it.
const bridgeName = "com.docker.network.bridge.name"

// host is this machine's address in the network that containers are in.
func (c *containers) host(ctx context.Context) (string, error) {
	n, err := c.engine.NetworkInspect(ctx, testcontainers.Bridge, client.NetworkInspectOptions{})
	if err != nil {
		return "", err
	}
	bridge, err := net.InterfaceByName(n.Network.Options[bridgeName])
	if err != nil {
		return "", err
	}
	addresses, err := bridge.Addrs()
	if err != nil {
		return "", err
	}
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Is4() {
			return prefix.Addr().String(), nil
		}
	}
	return "", fmt.Errorf("%s has no address", bridge.Name)
}

func (c *containers) prepare(ctx context.Context, s spec) (daemon, error) {
	image, err := c.image[s.kind]()
	if err != nil {
		return nil, err
	}
	first, err := c.create(ctx, s, image, "")
	if err != nil {
		return nil, err
	}
	return &contained{launcher: c, image: image, first: first, container: first, id: first.GetContainerID()}, nil
}

// create makes a node's container: with a volume of its own, or that of another container.
func (c *containers) create(ctx context.Context, s spec, image, volumeOf string) (testcontainers.Container, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.provider.CreateContainer(ctx, testcontainers.ContainerRequest{
		Image:        image,
		Entrypoint:   []string{"/" + path.Base(programs[s.kind])},
		Cmd:          s.flags(":"+innerTCP, ":"+innerHTTP, innerData),
		ExposedPorts: []string{innerTCP + "/tcp", innerHTTP + "/tcp"},
		Labels:       maps.Clone(c.labels),
		ConfigModifier: func(c *container.Config) {
			if volumeOf == "" {
				c.Volumes = map[string]struct{}{innerData: {}}
			}
		},
		HostConfigModifier: func(h *container.HostConfig) {
			if volumeOf != "" {
				h.VolumesFrom = []string{volumeOf}
			}
			h.PortBindings = network.PortMap{
				network.MustParsePort(innerTCP + "/tcp"):  published(s.tcp),
				network.MustParsePort(innerHTTP + "/tcp"): published(s.http),
			}
		},
	})
}

func published(port int) []network.PortBinding {
	return []network.PortBinding{{HostIP: netip.MustParseAddr(loopback), HostPort: strconv.Itoa(port)}}
}

// contained is a node in its container. The first that it had has its volume; another that it is in has the same.
type contained struct {
	launcher  *containers
	image     string
	first     testcontainers.Container
	container testcontainers.Container
	id        string // the container's
}

// configure makes another container.
func (c *contained) configure(ctx context.Context, s spec, binary string) error {
	image := c.image
	if binary != "" {
		var err error
		if image, err = c.launcher.makeImage(s.kind, binary); err != nil {
			return err
		}
	}
	next, err := c.launcher.create(ctx, s, image, c.first.GetContainerID())
	if err != nil {
		return err
	}
	err = c.removeSecond(ctx)
	c.container, c.id = next, next.GetContainerID()
	return err
}

// removeSecond removes the container that it is in, but for the first.
func (c *contained) removeSecond(ctx context.Context) error {
	if c.container == c.first {
		return nil
	}
	return removeContainer(ctx, c.launcher.engine, c.id)
}

func (c *contained) start(ctx context.Context) error { return c.container.Start(ctx) }

func (c *contained) kill(ctx context.Context) error { return c.end(ctx, "SIGKILL") }

func (c *contained) stop(ctx context.Context) error { return c.end(ctx, "SIGTERM") }

// end sends the signal and returns when the node has ended.
func (c *contained) end(ctx context.Context, signal string) error {
	ended := c.launcher.engine.ContainerWait(ctx, c.id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	if _, err := c.launcher.engine.ContainerKill(ctx, c.id, client.ContainerKillOptions{Signal: signal}); err != nil {
		return err
	}
	select {
	case <-ended.Result:
		return nil
	case err := <-ended.Error:
		return err
	}
}

func (c *contained) pause(ctx context.Context) error {
	_, err := c.launcher.engine.ContainerPause(ctx, c.id, client.ContainerPauseOptions{})
	return err
}

func (c *contained) resume(ctx context.Context) error {
	_, err := c.launcher.engine.ContainerUnpause(ctx, c.id, client.ContainerUnpauseOptions{})
	return err
}

func (c *contained) alive(ctx context.Context) bool {
	state, err := c.container.State(ctx)
	return err == nil && state.Running
}

func (c *contained) log(ctx context.Context) string {
	all, err := c.launcher.engine.ContainerLogs(ctx, c.id, client.ContainerLogsOptions{
		ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(logLines)})
	if err != nil {
		return ""
	}
	defer all.Close()
	var text bytes.Buffer
	_, _ = stdcopy.StdCopy(&text, &text, all) // what came is what there is
	return lastLines(text.String())
}

func (c *contained) remove(ctx context.Context) error {
	return errors.Join(c.removeSecond(ctx), removeContainer(ctx, c.launcher.engine, c.first.GetContainerID()))
}
