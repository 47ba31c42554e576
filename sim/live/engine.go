//go:build unix

package live

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// engineTimeout is how long an engine has to answer to be one.
const engineTimeout = 800 * time.Millisecond

// The labels of all that an engine keeps for us.
const (
	labelRun    = "nsqlab.run"    // the id of the workspace
	labelHost   = "nsqlab.host"   // the name of its machine
	labelFolder = "nsqlab.folder" // its folder
	labelPid    = "nsqlab.pid"    // its process
)

// findEngine is the engine at DOCKER_HOST, or at one of the usual sockets. It must be of this machine, since a node's
// ports are.
func findEngine() (*client.Client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), engineTimeout)
	defer cancel()
	var errs []error
	for _, host := range engineHosts() {
		engine, err := client.New(client.FromEnv, client.WithHost(host))
		if err == nil {
			if _, err = engine.Ping(ctx, client.PingOptions{}); err == nil {
				return engine, nil
			}
			engine.Close()
		}
		errs = append(errs, fmt.Errorf("%s: %w", host, err))
	}
	return nil, fmt.Errorf("containers need a Docker engine on this machine, and none answers: %w", errors.Join(errs...))
}

func engineHosts() []string {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return []string{host}
	}
	hosts := []string{client.DefaultDockerHost}
	for _, socket := range []string{
		filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "docker.sock"),
		filepath.Join(os.Getenv("HOME"), ".docker", "run", "docker.sock"),
	} {
		if _, err := os.Stat(socket); err == nil && filepath.IsAbs(socket) {
			hosts = append(hosts, "unix://"+socket)
		}
	}
	return hosts
}

// isLocal is whether an engine's published ports are this machine's.
func isLocal(host string) bool {
	u, err := url.Parse(host)
	if err != nil {
		return false
	}
	return u.Scheme == "unix" || u.Hostname() == loopback || u.Hostname() == "localhost"
}

// farewell is a command that removes what is labelled with the id, for when the owner is gone. What the engine was about
// to make then may come a moment later. Without Docker's own client it is nothing: the next launch cleans up.
func farewell(host, id string) string {
	docker, err := exec.LookPath("docker")
	if err != nil {
		return ""
	}
	docker = fmt.Sprintf("%s -H %s", quoteWord(docker), quoteWord(host))
	if timeout, err := exec.LookPath("timeout"); err == nil {
		docker = quoteWord(timeout) + " 30 " + docker
	}
	filter := quoteWord("label=" + labelRun + "=" + id)
	return fmt.Sprintf(`for pause in 0 1 2; do
	sleep $pause
	for c in $(%[1]s ps -aq --filter %[2]s); do %[1]s rm -fv $c; done
	for i in $(%[1]s images -q --filter %[2]s); do %[1]s rmi -f $i; done
done`, docker, filter)
}

// quoteWord makes a text one word of the shell's.
func quoteWord(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// sweepEngine removes the containers and images of this machine's owners that are gone.
func sweepEngine(ctx context.Context, engine client.APIClient) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	return removeLabelled(ctx, engine, labelHost+"="+host, func(labels map[string]string) bool {
		return abandoned(labels[labelFolder])
	})
}

// removeLabelled removes those containers, with their volumes, and images that have the label, if the others say so.
func removeLabelled(ctx context.Context, engine client.APIClient, label string, condemned func(labels map[string]string) bool) error {
	var errs []error
	filters := make(client.Filters).Add("label", label)
	containers, err := engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	errs = append(errs, err)
	for _, c := range containers.Items {
		if condemned(c.Labels) {
			errs = append(errs, removeContainer(ctx, engine, c.ID))
		}
	}
	images, err := engine.ImageList(ctx, client.ImageListOptions{Filters: filters})
	errs = append(errs, err)
	for _, i := range images.Items {
		if condemned(i.Labels) {
			_, err := engine.ImageRemove(ctx, i.ID, client.ImageRemoveOptions{Force: true, PruneChildren: true})
			errs = append(errs, unlessGone(err))
		}
	}
	return errors.Join(errs...)
}

func removeContainer(ctx context.Context, engine client.APIClient, id string) error {
	_, err := engine.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	return unlessGone(err)
}

// unlessGone takes it for success that something is gone, or that another is about to remove it.
func unlessGone(err error) error {
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) {
		return nil
	}
	return err
}
