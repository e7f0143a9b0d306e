//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"mcpproxy-tray/internal/core/httpapi"
	"mcpproxy-tray/internal/stateview"
	"mcpproxy-tray/internal/tray/menu"
)

// A fact is what a surface tells of a server; what it does not tell is left out of
// the truth before they are compared.
type fact struct {
	state, words string // as programs and as people know it
	enabled      bool
	approved     int // tools
	held         int
	problem      string
}

// truth is what a snapshot holds, as far as surface tells it.
func truth(s *stateview.Snapshot, surface func(*stateview.ServerStatus, *fact)) map[string]fact {
	all := map[string]fact{}
	for st := range s.Servers() {
		f := fact{st.State.String(), st.Words(), st.Enabled, st.Tools.Approved(), st.Tools.Held(), st.Problem().Text}
		surface(&st, &f)
		all[st.Name] = f
	}
	return all
}

// inMenu is what the tray's menu tells: no tools of a server that is not connected,
// and what would run in place of a problem.
func inMenu(st *stateview.ServerStatus, f *fact) {
	f.state = ""
	if st.State != stateview.Connected {
		f.approved, f.held = 0, 0
	}
	if st.State == stateview.Quarantined {
		f.problem = "Would run: " + st.Launch().Line
	}
}

// inList is what GET /api/v1/servers tells.
func inList(_ *stateview.ServerStatus, f *fact) { f.words = "" }

// inStatus is what mcpproxy-tray status tells.
func inStatus(st *stateview.ServerStatus, f *fact) {
	f.words, f.enabled, f.held = "", false, 0
	if st.State != stateview.Connected {
		f.approved = 0
	}
}

// readMenu tells what is written in a menu of up to 20 servers.
func readMenu(t *testing.T, m *menu.Menu) map[string]fact {
	t.Helper()
	all := map[string]fact{}
	below := map[menu.ID][]menu.Node{}
	for _, n := range m.Nodes {
		if slot, _ := n.ID.Slot(); n.Visible {
			below[slot.Parent] = append(below[slot.Parent], n)
		}
	}
	for _, row := range below[0] {
		var f fact
		var name string
		for _, n := range below[row.ID] {
			switch {
			case n.Action.Kind == menu.OpenLog:
				name = n.Action.Server
			case n.Action.Kind == menu.Disable:
				f.enabled = true
			case strings.Contains(n.ID.String(), "detail"):
				f.problem += n.Title
			}
		}
		if name == "" {
			continue // not a server's
		}
		_, text, ok := strings.Cut(row.Title, " "+name+" · ")
		if !ok {
			t.Fatalf("the row of %q is %q", name, row.Title)
		}
		var tools string
		f.words, tools, _ = strings.Cut(text, " · ")
		if tools != "" {
			var total int
			_, _ = fmt.Sscanf(tools, "%d", &total)
			_, held, _ := strings.Cut(tools, ", ")
			_, _ = fmt.Sscanf(held, "%d held", &f.held)
			f.approved = total - f.held
		}
		all[name] = f
	}
	return all
}

// readStatus tells what the command status has written.
func readStatus(t *testing.T, text string) (summary string, all map[string]fact) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	all = map[string]fact{}
	for i, line := range lines {
		if !strings.HasPrefix(line, "NAME ") {
			continue
		}
		column := func(row, name, next string) string {
			from, r := strings.Index(line, name), []rune(row)
			to := len(r)
			if next != "" {
				to = min(to, strings.Index(line, next))
			}
			return strings.TrimSpace(string(r[min(from, to):to]))
		}
		for _, row := range lines[i+1:] {
			f := fact{state: column(row, "STATE", "TOOLS"), problem: column(row, "PROBLEM", "")}
			_, _ = fmt.Sscanf(column(row, "TOOLS", "SINCE"), "%d", &f.approved)
			all[column(row, "NAME", "STATE")] = f
		}
	}
	return lines[1], all
}

// readList tells what the document of GET /api/v1/servers says.
func readList(t *testing.T, body string) map[string]fact {
	t.Helper()
	var doc struct {
		Servers []struct {
			Name, State string
			Enabled     bool
			Tools       struct{ Approved, Held int }
			Problem     struct{ Text string }
		}
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	all := map[string]fact{}
	for _, s := range doc.Servers {
		all[s.Name] = fact{state: s.State, enabled: s.Enabled, approved: s.Tools.Approved, held: s.Tools.Held, problem: s.Problem.Text}
	}
	return all
}

// scramble makes random changes of up to 20 servers, as one version.
func scramble(v *stateview.View, rnd *rand.Rand) {
	v.Update(func(b *stateview.Batch) {
		for range 1 + rnd.IntN(6) {
			name := fmt.Sprintf("größe %d", rnd.IntN(menu.MaxRows))
			if rnd.IntN(6) == 0 {
				b.RemoveServer(name)
				continue
			}
			b.UpdateServer(name, func(st *stateview.ServerStatus) {
				st.State = stateview.State(rnd.IntN(stateview.NumStates))
				st.Enabled = st.State != stateview.Disabled && (st.State != stateview.Stopping || rnd.IntN(2) == 0)
				st.Attempt, st.PID = rnd.IntN(4), rnd.Int32N(5)
				st.Since = time.Unix(rnd.Int64N(2e9), 0)
				tools := make([]stateview.Tool, rnd.IntN(5))
				for i := range tools {
					tools[i] = stateview.Tool{Name: fmt.Sprint("t", i), Held: rnd.IntN(3) == 0}
				}
				st.Tools = stateview.NewToolList(tools)
				st.SetLaunch(stateview.Launch{Line: fmt.Sprint("run ", rnd.IntN(100)), ID: fmt.Sprint(rnd.IntN(100))})
				st.SetProblem(stateview.Problem{})
				if rnd.IntN(2) == 0 {
					st.SetProblem(stateview.Problem{Code: "MPT-X", Text: fmt.Sprintf("It does not work, says %d.", rnd.IntN(100))})
				}
			})
		}
	})
}

// serveView serves a view over HTTP until the test ends, and returns what asks it.
func serveView(t *testing.T, v *stateview.View) *api {
	t.Helper()
	const token = "0123456789abcdef0123456789abcdef"
	ln, err := httpapi.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := httpapi.New(httpapi.Options{View: v, Addr: ln.Addr(), Tokens: httpapi.Tokens{Admin: token},
		Status: func() httpapi.Status { return httpapi.Status{URL: httpapi.URL(ln.Addr())} }})
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(ctx, ln); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		serving.Wait()
	})
	return &api{base: httpapi.URL(ln.Addr()), token: token}
}

// TestSurfacesAgree: the tray's menu, the list of the API, the command status and the
// stream tell the same in a thousand random states.
func TestSurfacesAgree(t *testing.T) {
	v := stateview.New()
	a := serveView(t, v)
	streaming, stop := context.WithCancel(t.Context())
	stream, err := a.send(streaming, http.MethodGet, "/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &mirror{name: "stream"}
	var reading sync.WaitGroup
	reading.Go(func() { readCurl(m, stream.Body) })
	defer reading.Wait()
	defer stream.Body.Close()
	defer stop()

	rnd := rand.New(rand.NewPCG(20261123, 6))
	for i := range 1000 {
		scramble(v, rnd)
		snap := v.Snapshot()
		same := func(surface string, got, want map[string]fact) {
			t.Helper()
			if !maps.Equal(got, want) {
				t.Fatalf("state %d: %s tells\n%+v\nbut true is\n%+v", i, surface, got, want)
			}
		}
		tray := menu.Build(snap, menu.Options{})
		same("the menu", readMenu(t, tray), truth(snap, inMenu))
		data, err := a.do(t.Context(), http.MethodGet, "/api/v1/servers", nil)
		if err != nil {
			t.Fatal(err)
		}
		same("the list", readList(t, string(data)), truth(snap, inList))
		var out bytes.Buffer
		if err := showStatus(t.Context(), a, false, &out); err != nil {
			t.Fatal(err)
		}
		sum, status := readStatus(t, out.String())
		same("status", status, truth(snap, inStatus))
		if header := tray.Nodes[0].Title; strings.Contains(header, " of ") && !strings.HasPrefix(header, sum) {
			t.Fatalf("state %d: the menu says %q, status %q", i, header, sum)
		}
		for deadline := time.Now().Add(patience); !m.agrees(t, string(data)); time.Sleep(100 * time.Microsecond) {
			if time.Now().After(deadline) {
				t.Fatalf("state %d: the stream does not tell %s", i, data)
			}
		}
	}
}
