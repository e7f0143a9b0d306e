//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// evilserver builds the misbehaving server once, beside the program.
var evilserver = sync.OnceValues(func() (string, error) {
	path, err := binary()
	if err != nil {
		return "", err
	}
	evil := filepath.Join(filepath.Dir(path), "evilserver")
	if out, err := exec.Command("go", "build", "-o", evil, "../../internal/core/evilserver").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return evil, nil
})

func evilPath(t testing.TB) string {
	t.Helper()
	path, err := evilserver()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// evilEntry is an evilserver as the configuration holds it.
func evilEntry(t testing.TB, name, script string, args ...string) string {
	t.Helper()
	list, err := json.Marshal(append([]string{"-script", script}, args...))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%q: {\"command\": %q, \"args\": %s}", name, evilPath(t), list)
}

// seedOr returns a seed that is not 0.
func seedOr(seed uint64) uint64 {
	for seed == 0 {
		seed = uint64(rand.Uint32())
	}
	return seed
}

// A witness looks at the machine without the code under test. It knows a process by
// a token in its command line, which no wiped environment hides.
type witness struct{ token string }

// A sighting is a process as a witness saw it.
type sighting struct {
	pid   int
	start string
	what  string
}

func newWitness() witness { return witness{fmt.Sprintf("token%08x", rand.Uint32())} }

// child returns a witness of a part of what this one sees.
func (w witness) child() witness { return witness{fmt.Sprintf("%s-%08x", w.token, rand.Uint32())} }

// look returns the living processes of the token.
func (w witness) look() []sighting {
	var all []sighting
	dirs, _ := os.ReadDir("/proc")
	for _, dir := range dirs {
		pid, err := strconv.Atoi(dir.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		line, _ := os.ReadFile("/proc/" + dir.Name() + "/cmdline")
		if !bytes.Contains(line, []byte(w.token)) {
			continue
		}
		if f := statOf(pid); f != nil {
			all = append(all, sighting{pid, f[19], strings.ReplaceAll(string(line), "\x00", " ")})
		}
	}
	return all
}

// statOf returns the fields after the name in /proc/PID/stat; nil if the process is dead.
func statOf(pid int) []string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if f[0] == "Z" || f[0] == "X" {
		return nil
	}
	return f
}

func (s sighting) alive() bool {
	f := statOf(s.pid)
	return f != nil && f[19] == s.start
}

// kill kills what was seen, and nobody else.
func (s sighting) kill() bool {
	p, err := os.FindProcess(s.pid)
	return err == nil && s.alive() && p.Kill() == nil
}

// gone waits until two looks in a row see nobody but those whom except names, and
// returns how long after at the first of these two was.
func (w witness) gone(at time.Time, limit time.Duration, except func() []sighting) (took time.Duration, left []sighting) {
	for quiet := 0; quiet < 2; time.Sleep(10 * time.Millisecond) {
		looked := time.Since(at)
		left = w.look()
		if except != nil && len(left) > 0 {
			known := except()
			left = slices.DeleteFunc(left, func(s sighting) bool { return slices.ContainsFunc(known, s.same) })
		}
		if len(left) == 0 {
			if quiet++; quiet == 1 {
				took = looked
			}
			continue
		}
		if quiet = 0; looked > limit {
			return looked, left
		}
	}
	return took, nil
}

func (s sighting) same(o sighting) bool { return s.pid == o.pid && s.start == o.start }

// A victim is a program that was started to be killed.
type victim struct {
	cmd    *exec.Cmd
	guard  sighting // the process that was started
	output *syncBuffer
	ended  chan struct{}
}

func startVictim(cmd *exec.Cmd) (*victim, error) {
	v := &victim{cmd: cmd, output: &syncBuffer{}, ended: make(chan struct{})}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdout, cmd.Stderr = v.output, v.output
	cmd.WaitDelay = time.Second // what is left would keep the pipes open
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	v.guard = sighting{pid: cmd.Process.Pid}
	if f := statOf(cmd.Process.Pid); f != nil {
		v.guard.start = f[19]
	}
	go func() {
		_ = cmd.Wait() // the state says more
		close(v.ended)
	}()
	return v, nil
}

// app returns the app: the guard's child that it invited. The short-lived child with
// which the os package tries out what the system can is none.
func (v *victim) app(w witness) (sighting, bool) {
	for _, s := range w.look() {
		env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", s.pid))
		f := statOf(s.pid)
		if f != nil && f[1] == strconv.Itoa(v.guard.pid) && bytes.Contains(env, []byte("MCPPROXY_TRAY_GUARD=")) {
			return s, true
		}
	}
	return sighting{}, false
}

// exit waits for the end and returns the exit code, negative for a signal.
func (v *victim) exit(limit time.Duration) (code int, ok bool) {
	select {
	case <-v.ended:
	case <-time.After(limit):
		return 0, false
	}
	status := v.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return -int(status.Signal()), true
	}
	return status.ExitStatus(), true
}

// ask reads an address of the API of the instance in a home.
func ask(home, path string) (string, error) {
	inst, ok := readInstanceFile(home)
	token, err := os.ReadFile(filepath.Join(home, "admin.token"))
	if !ok || err != nil {
		return "", fmt.Errorf("no instance: %w", err)
	}
	req, err := http.NewRequest(http.MethodGet, inst.URL+path, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// startWebEvil starts an evilserver over HTTP and returns its URL. Each path below it
// is a server of its own, see remoteEvil.
func startWebEvil(t testing.TB, args ...string) string {
	t.Helper()
	v, err := startVictim(exec.Command(evilPath(t), append(args, "-http", "127.0.0.1:0")...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		v.guard.kill()
		<-v.ended
	})
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(2 * time.Millisecond) {
		if address, _, ok := strings.Cut(v.output.String(), "\n"); ok {
			return address
		}
	}
	t.Fatalf("evilserver does not say where it is: %s", v.output)
	return ""
}

// remoteEvil is such a server as the configuration holds it.
func remoteEvil(base, name, script string) string {
	return fmt.Sprintf("%q: {\"url\": %q}", name, base+"/"+name+"?script="+url.QueryEscape(script))
}
