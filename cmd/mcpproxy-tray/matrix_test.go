//go:build linux

package main

import (
	"bufio"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// eras are the revisions of the protocol; the last is the first without sessions.
var eras = []string{"2024-11-05", "2025-03-26", "2025-06-18", legacySet, modernSet}

// oddServer builds the server that says what no typed relay keeps.
var oddServer = sync.OnceValues(func() (string, error) {
	program, err := binary() // beside it, so that it is removed with it
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(program), "oddserver")
	out, err := exec.Command("go", "build", "-o", path, "../../internal/core/oddserver").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func oddPath(t *testing.T) string {
	t.Helper()
	path, err := oddServer()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// oddWeb starts an oddserver over HTTP and returns its URL.
func oddWeb(t *testing.T, era string) string {
	t.Helper()
	cmd := exec.Command(oddPath(t), "-era", era, "-http", "127.0.0.1:0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(url)
}

// A transcript is what a client was told, by step.
type transcript map[string][]string

// oddDirect is what a client is told by a server of its own revision, without us.
func oddDirect(t *testing.T, era, transport string) transcript {
	t.Helper()
	var e edge
	if transport == overStdio {
		e = overStdin(t, exec.Command(oddPath(t), "-era", era))
	} else {
		e = overWeb(t, oddWeb(t, era), "", era)
	}
	c := &scripted{t: t, edge: e, era: era}
	c.play()
	heard := c.heard
	c = &scripted{t: t, edge: e, era: era, next: c.next}
	c.playCancelled()
	maps.Copy(heard, c.heard)
	return heard
}

// TestOddServerSaysTheSame holds the two transports of the server against each other.
func TestOddServerSaysTheSame(t *testing.T) {
	for _, era := range eras {
		piped, web := oddDirect(t, era, overStdio), oddDirect(t, era, overHTTP)
		for name, want := range piped {
			if got := web[name]; !slices.Equal(got, want) {
				t.Errorf("%s, %s, over HTTP:\n%s\nover stdio:\n%s", era, name, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

// A cell is a client of one revision at one of our endpoints before a server of another.
type cell struct{ client, server, transport, endpoint string }

// String says L or M before a revision, for patterns: with sessions, or without.
func (c cell) String() string {
	return strings.Join([]string{eraName(c.client), eraName(c.server), c.transport, c.endpoint}, " ")
}

func eraName(era string) string {
	if era >= modernSet {
		return "M" + era
	}
	return "L" + era
}

// The endpoints: one server as it is, and all servers under names of ours.
const (
	transparent = "one"
	merged      = "all"
	byBridge    = "bridge" // the first, by a client that speaks stdio
)

// A difference is one step of the script that differs from a direct connection, and why
// that is so. The test fails when one is missing here, and when one is here that does not
// occur in a cell where it should.
type difference struct {
	cells  string // a pattern of path.Match for the cell's name
	step   string // the same for the step's
	reason string

	sometimes bool // a race: it need not occur
}

var differences = []difference{
	{"* * * *", "hello", "unknown members of the greeting are lost", false},
	{"* * * *", "tools", "unknown members beside a list are lost: it is made of what we keep of each entry", false},
	{"* * * *", "tools and a late one", "as with tools", false},
	{"* * * *", "no tool", "a tool that is not in the list is refused in our words, without the server", false},
	{"L* M* * *", "task", "a task of another revision is not converted", false},
	{"M* L* * *", "task", "a task of another revision is not converted", false},
	{"* * * *", "update", "of an update its URI is passed on, not what else it says", false},
	{"* * * all", "no method", "the refusal of a method that nobody knows is ours", false},
	{"* * * all", "no prompt", "in our words: no server has it", false},
	{"* * * all", "no resource", "in our words: no server has it", false},
	{"* * * all", "vendor's method", "of many servers, none can be named by a method alone", false},
	{"* * * all", "a task's state", "which server has a task is not kept", false},
	{"* * * *", "log", "the level goes to a server beside the call, which may be there first", true},
}

// TestMatrix has a raw client of each revision say the same to a server directly and
// through each endpoint, for a server of each revision over both transports. Where the
// revisions differ, a direct connection to a server of the client's own is the measure:
// the client must not notice.
func TestMatrix(t *testing.T) {
	direct := map[string]transcript{}
	for _, era := range eras {
		direct[era] = oddDirect(t, era, overStdio)
	}
	m := &matrix{met: map[string]bool{}, seen: map[string]bool{}, differences: differences}
	var servers []oddRelay
	for _, era := range eras {
		for _, transport := range []string{overStdio, overHTTP} {
			servers = append(servers, startRelay(t, era, transport, transparent, merged))
		}
		servers = append(servers, startRelay(t, era, overStdio, byBridge))
	}
	var all sync.WaitGroup // they mostly wait
	for _, s := range servers {
		all.Go(func() { m.play(t, s, direct) })
	}
	all.Wait()
	m.checkStale(t)
	t.Logf("%d steps compared, %d differ", len(m.seen), len(m.met))
	if *update && !t.Failed() {
		putIntoProtocol(t, "matrix", m.table())
	}
}

// checkStale fails for differences that did not occur where they should.
func (m *matrix) checkStale(t *testing.T) {
	t.Helper()
	stale := map[int][]string{}
	for key := range m.seen {
		if d := m.known(key); d >= 0 && !m.met[key] && !m.differences[d].sometimes {
			stale[d] = append(stale[d], key)
		}
	}
	for d, keys := range stale {
		slices.Sort(keys)
		t.Errorf("%+v does not occur any more, here at least, of %d places: %s", m.differences[d], len(keys), keys[0])
	}
}

// table says what differs, and in how many places.
func (m *matrix) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, commit `%s`: %d steps compared.\n\n", time.Now().UTC().Format(time.DateOnly), commit(), len(m.seen))
	row(&b, []string{"client, server, transport, endpoint", "step", "places", "why"})
	row(&b, []string{"---", "---", "---", "---"})
	for i, d := range m.differences {
		places := 0
		for key := range m.met {
			if m.known(key) == i {
				places++
			}
		}
		row(&b, []string{"`" + d.cells + "`", "`" + d.step + "`", fmt.Sprint(places), d.reason})
	}
	return b.String()
}

// A matrix is what was compared, by cell and step.
type matrix struct {
	differences []difference // that are known

	mu   sync.Mutex // guards what follows
	seen map[string]bool
	met  map[string]bool // where it differs
}

// An oddRelay is a program with one oddserver, and the endpoints to try there.
type oddRelay struct {
	era, transport string
	endpoints      []string
	script         []step
	*program
}

func startRelay(t *testing.T, era, transport string, endpoints ...string) oddRelay {
	t.Helper()
	entry := fmt.Sprintf(`"odd": {"command": %q, "args": ["-era", %q]}`, oddPath(t), era)
	if transport == overHTTP {
		entry = fmt.Sprintf(`"odd": {"url": %q}`, oddWeb(t, era))
	}
	return startRelayOf(t, entry, era, transport, endpoints...)
}

// startRelayOf starts the program with a server called "odd".
func startRelayOf(t *testing.T, entry, era, transport string, endpoints ...string) oddRelay {
	t.Helper()
	home := t.TempDir()
	writeConfig(t, home, entry, `"quarantine": false, "mcp_auth": "none",`)
	prog := run(t, home, nil, "serve")
	prog.waitState("odd", "connected")
	return oddRelay{era, transport, endpoints, nil, prog}
}

// play has clients of all revisions play the script, and cancel calls after that: where
// one client cancelled a call to a server over stdio, the server may ask no other one for a
// while, as it does not say in the course of which call it asks.
func (m *matrix) play(t *testing.T, s oddRelay, direct map[string]transcript) {
	parts := []func(*scripted){(*scripted).play, (*scripted).playCancelled}
	if s.script != nil {
		parts = parts[:1]
	}
	for _, part := range parts {
		for _, client := range eras {
			if direct[client] == nil {
				continue
			}
			for _, endpoint := range s.endpoints {
				c := &scripted{t: t, era: client, script: s.script}
				switch endpoint {
				case transparent:
					c.edge = overWeb(t, s.url+"/mcp/server/odd", "", client)
				case merged:
					c.edge, c.prefix = overWeb(t, s.url+"/mcp", "", client), "odd__"
				case byBridge:
					c.edge = overStdin(t, command(t, s.home, nil, "bridge", "--server", "odd"))
				}
				part(c)
				m.compare(t, cell{client, s.era, s.transport, endpoint}, c, direct[client])
			}
		}
	}
}

// compare holds what a client was told against what it is told directly.
func (m *matrix) compare(t *testing.T, at cell, c *scripted, want transcript) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range c.names {
		key := at.String() + ": " + name
		m.seen[key] = true
		got, want := slices.Clone(c.heard[name]), slices.Clone(want[name])
		if at.client != at.server || at.endpoint == merged {
			for _, all := range [][]string{got, want} {
				for i := range all {
					all[i] = betweenEras(all[i])
				}
			}
		}
		if slices.Equal(got, want) {
			continue
		}
		m.met[key] = true
		if m.known(key) < 0 {
			t.Errorf("%s\n  through us: %s\n  directly:   %s", key, strings.Join(got, "\n              "), strings.Join(want, "\n              "))
		}
	}
}

// known returns the index of the difference that a step of a cell is known by, or -1.
func (m *matrix) known(key string) int {
	at, name, _ := strings.Cut(key, ": ")
	return slices.IndexFunc(m.differences, func(d difference) bool { return matches(d.cells, at) && matches(d.step, name) })
}
