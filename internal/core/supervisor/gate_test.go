package supervisor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/approval"
	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// version is a tool with a description.
func version(name, text string) stateview.Tool {
	return stateview.Tool{Name: name, Definition: fmt.Sprintf(`{"name":%q,"description":%q}`, name, text)}
}

// offer has a connected server offer other tools.
func (r *rig) offer(name string, list ...stateview.Tool) {
	r.fake.set(name, fakeServer{tools: list})
	r.fake.session(name).change()
	time.Sleep(time.Minute)
	synctest.Wait()
}

// heldIn returns the names of the held tools of a list, and fails for a hash that should not be there.
func heldIn(t *testing.T, list stateview.ToolList) string {
	t.Helper()
	var held []string
	for tool := range list.All() {
		if tool.Held {
			held = append(held, tool.Name)
		}
		want, _ := approval.ToolHash([]byte(tool.Definition))
		if !tool.Held {
			want = ""
		}
		if tool.Hash != want {
			t.Errorf("tool %s, held %v, has the hash %q, want %q", tool.Name, tool.Held, tool.Hash, want)
		}
	}
	return strings.Join(held, " ")
}

func (r *rig) wantHeld(name, held string, total int) {
	r.t.Helper()
	st := r.want(name, stateview.Connected)
	if got := heldIn(r.t, st.Tools); got != held || st.Tools.Len() != total {
		r.t.Errorf("%d tools, held %q; want %d, %q", st.Tools.Len(), got, total, held)
	}
}

// yes approves a server as it stands.
func (r *rig) yes(name string) {
	r.t.Helper()
	if err := r.Approve(r.t.Context(), name, r.status(name).Launch().ID); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

func idOf(tool stateview.Tool) approval.ToolID {
	hash, _ := approval.ToolHash([]byte(tool.Definition))
	return approval.ToolID{Name: tool.Name, Hash: hash}
}

func TestChangedAndAddedToolsAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{tools: []stateview.Tool{version("x", "1"), version("y", "1")}})
		r.apply(true, stdio("a"))
		r.yes("a")
		r.wantHeld("a", "", 2)
		if len(r.mem.first) != 1 || len(r.mem.tools) != 2 || r.mem.tools[0].Definition != version("x", "1").Definition {
			t.Errorf("kept: %+v, %+v", r.mem.first, r.mem.tools)
		}

		r.offer("a", version("x", "2"), version("y", "1"), version("z", "1"))
		r.wantHeld("a", "x z", 3)
		r.offer("a", stateview.Tool{Name: "x", Definition: `{ "description":"\u0031", "name":"x" }`}) // as it was, written in another way
		r.wantHeld("a", "", 1)
		r.offer("a", version("x", "2"), version("y", "1"), version("z", "1"))
		r.wantHeld("a", "x z", 3)

		x, z := idOf(version("x", "2")), idOf(version("z", "1"))
		for name, c := range map[string]struct {
			server string
			ids    []approval.ToolID
			want   error
		}{
			"unknown server":   {"nobody", []approval.ToolID{x}, ErrUnknownServer},
			"unknown tool":     {"a", []approval.ToolID{x, {Name: "w", Hash: x.Hash}}, ErrUnknownTool},
			"stale":            {"a", []approval.ToolID{x, {Name: "z", Hash: x.Hash}}, ErrStaleTool},
			"stale, as before": {"a", []approval.ToolID{idOf(version("x", "1"))}, ErrStaleTool},
			"no hash":          {"a", []approval.ToolID{{Name: "x"}}, ErrStaleTool},
		} {
			if err := r.ApproveTools(t.Context(), c.server, c.ids); !errors.Is(err, c.want) {
				t.Errorf("%s: ApproveTools = %v, want %v", name, err, c.want)
			}
		}
		r.wantHeld("a", "x z", 3)
		if len(r.mem.tools) != 2 {
			t.Errorf("a refused approval was kept: %+v", r.mem.tools)
		}
		if err := r.ApproveTools(t.Context(), "a", []approval.ToolID{x}); err != nil {
			t.Fatal(err)
		}
		if got := heldIn(t, r.status("a").Tools); got != "z" { // published when ApproveTools returns
			t.Errorf("held %q, want z", got)
		}
		if last := r.mem.tools[len(r.mem.tools)-1]; last.ToolID != x || last.Definition != version("x", "2").Definition || last.By != "user" || last.At.IsZero() {
			t.Errorf("kept %+v", last)
		}
		if err := r.ApproveTools(t.Context(), "a", []approval.ToolID{x, z}); err != nil {
			t.Fatal(err)
		}
		r.wantHeld("a", "", 3)

		// A restart asks nothing again, also not for what was approved earlier.
		for _, text := range []string{"2", "1", "3"} {
			r.fake.set("a", fakeServer{tools: []stateview.Tool{version("x", text)}})
			if err := r.Restart(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			r.wantHeld("a", map[string]string{"3": "x"}[text], 1)
		}
	})
}

// TestNoHashNoWay holds what cannot be approved, also in a first list.
func TestNoHashNoWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		bad := stateview.Tool{Name: "bad", Definition: `{"name":"bad","name":"bad"}`}
		r.fake.set("a", fakeServer{tools: []stateview.Tool{bad, version("x", "1")}})
		r.apply(true, stdio("a"))
		r.yes("a")
		r.wantHeld("a", "bad", 2)
		if err := r.ApproveTools(t.Context(), "a", []approval.ToolID{{Name: "bad"}}); !errors.Is(err, ErrStaleTool) {
			t.Errorf("ApproveTools = %v", err)
		}
		r.apply(false, stdio("a"))
		r.wantHeld("a", "", 2)
	})
}

func TestWhoAsksToLookGetsEveryToolHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{tools: []stateview.Tool{version("x", "1"), version("y", "1")}})
		r.apply(true, stdio("a"))
		if err := r.ApproveForReview(t.Context(), "a", r.status("a").Launch().ID); err != nil {
			t.Fatal(err)
		}
		r.wantHeld("a", "x y", 2)
		r.yes("a") // the launch once more: nobody has looked at the tools
		r.wantHeld("a", "x y", 2)
		if err := r.ApproveTools(t.Context(), "a", []approval.ToolID{idOf(version("y", "1"))}); err != nil {
			t.Fatal(err)
		}
		r.wantHeld("a", "x", 2)
	})
}

// TestFirstListAfterAnUpdate is of a server that was approved before tools were.
func TestFirstListAfterAnUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, fake: newFake(), mem: &memory{}}
		r.Supervisor = New(Options{Connector: r.fake, Approvals: r.mem})
		if err := r.ApproveConfigured(stdio("a"), "user"); err != nil {
			t.Fatal(err)
		}
		r.fake.set("a", fakeServer{tools: []stateview.Tool{version("x", "1")}})
		r.begin()
		r.apply(true, stdio("a"))
		r.wantHeld("a", "", 1)
		r.stop()

		again := &rig{t: t, fake: r.fake, mem: r.mem}
		again.Supervisor = New(Options{Connector: r.fake, Approvals: r.mem})
		r.fake.set("a", fakeServer{tools: []stateview.Tool{version("x", "2"), version("y", "1")}})
		again.begin()
		defer again.stop()
		again.apply(true, stdio("a"))
		again.wantHeld("a", "x y", 2)
		if len(r.mem.first) != 1 {
			t.Errorf("first lists: %+v", r.mem.first)
		}
	})
}

// TestAnotherLaunchHasAFirstListOfItsOwn, once it is approved.
func TestAnotherLaunchHasAFirstListOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{tools: []stateview.Tool{version("x", "1")}})
		r.apply(true, stdio("a"))
		r.yes("a")
		other := stdio("a")
		other.Args = []string{"2"}
		r.fake.set("a", fakeServer{tools: []stateview.Tool{version("x", "2")}})
		r.apply(true, other)
		r.yes("a")
		r.wantHeld("a", "", 1)
		r.fake.set("a", fakeServer{tools: []stateview.Tool{version("x", "3")}})
		r.apply(true, stdio("a"))
		time.Sleep(time.Minute)
		r.wantHeld("a", "x", 1)
	})
}

func TestFirstListIsSavedBeforeItIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{tools: []stateview.Tool{version("x", "1")}})
		r.apply(true, stdio("a"))
		r.yes("a")
		r.mem.slow = 10 * time.Second
		other := stdio("a")
		other.Args = []string{"2"}
		r.apply(true, other)
		var wg sync.WaitGroup
		wg.Go(func() { r.yes("a") })
		time.Sleep(15 * time.Second) // the launch is saved, the list not yet
		r.want("a", stateview.Connecting)
		// It changes meanwhile: what came first is what was approved.
		r.fake.set("a", fakeServer{tools: []stateview.Tool{version("x", "1"), version("late", "1")}})
		r.fake.session("a").change()
		time.Sleep(2 * time.Second)
		r.want("a", stateview.Connecting)
		wg.Wait()
		time.Sleep(time.Minute)
		r.wantHeld("a", "late", 2)

		// The session may end, and the program too.
		third := stdio("a")
		third.Args = []string{"3"}
		r.apply(true, third)
		wg.Go(func() { r.yes("a") })
		time.Sleep(15 * time.Second)
		r.want("a", stateview.Connecting)
		r.fake.session("a").kill(errKilled)
		r.want("a", stateview.Backoff)
		wg.Wait()
		time.Sleep(time.Minute)
		r.wantHeld("a", "", 2)
		fourth := stdio("a")
		fourth.Args = []string{"4"}
		r.apply(true, fourth)
		wg.Go(func() { r.yes("a") })
		time.Sleep(15 * time.Second)
		wg.Wait()
	})
}

// TestWhatCannotBeSavedStaysHeld says so, and goes on.
func TestWhatCannotBeSavedStaysHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{tools: []stateview.Tool{version("x", "1")}})
		if err := r.ApproveConfigured(stdio("a"), "user"); err != nil {
			t.Fatal(err)
		}
		r.stop()
		again := &rig{t: t, fake: r.fake, mem: r.mem}
		r.mem.err = errors.New("disk full")
		again.Supervisor = New(Options{Connector: r.fake, Approvals: r.mem})
		again.begin()
		defer again.stop()
		again.apply(true, stdio("a"))
		again.wantHeld("a", "x", 1)
		err := again.ApproveTools(t.Context(), "a", []approval.ToolID{idOf(version("x", "1"))})
		if e, ok := errors.AsType[explained](err); !ok || !errors.Is(err, ErrNotSaved) || e.Problem().Code != "MPT-APPROVAL-NOT-SAVED" {
			t.Errorf("ApproveTools = %v", err)
		}
		again.wantHeld("a", "x", 1)
		r.mem.mu.Lock()
		r.mem.err = nil
		r.mem.mu.Unlock()
		again.offer("a", version("x", "1"), version("y", "1")) // it is still the first list
		again.wantHeld("a", "", 2)
	})
}

// TestApprovalsOfToolsThatCannotBeRead: else every list would count as the first one.
func TestApprovalsOfToolsThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, fake: newFake(), mem: &memory{lost: errors.New("bad sector")}}
		r.Supervisor = New(Options{Connector: r.fake, Approvals: r.mem})
		if err := r.ApproveConfigured(stdio("a"), "user"); err != nil {
			t.Fatal(err)
		}
		r.begin()
		defer r.stop()
		r.apply(true, stdio("a"))
		r.want("a", stateview.Quarantined)
	})
}

// TestGatesAreSwitchedTogether: while quarantine is off everything is open, and nothing is approved by that.
func TestGatesAreSwitchedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{tools: []stateview.Tool{version("x", "1")}})
		r.apply(true, stdio("a"))
		r.yes("a")
		r.offer("a", version("x", "2"))
		r.wantHeld("a", "x", 1)
		connects := r.fake.count("a")
		r.apply(false, stdio("a"))
		r.wantHeld("a", "", 1)
		r.offer("a", version("x", "3"), version("y", "1"))
		r.wantHeld("a", "", 2)
		r.apply(true, stdio("a"))
		r.wantHeld("a", "x y", 2)
		if r.fake.count("a") != connects || len(r.mem.tools) != 1 {
			t.Errorf("%d connects, %d approved", r.fake.count("a")-connects, len(r.mem.tools))
		}
	})
}

// TestWaitingCallIsAdmittedByTheNewList: a call that waited for its server is decided
// about when there is a view of what that offers now.
func TestWaitingCallIsAdmittedByTheNewList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{tools: []stateview.Tool{version("x", "1")}})
		r.apply(true, stdio("a"))
		r.yes("a")
		r.fake.set("a", fakeServer{start: time.Second, tools: []stateview.Tool{version("x", "2")}})
		r.fake.session("a").kill(errKilled)
		synctest.Wait()
		refused := errors.New("held")
		_, _, err := r.Request(t.Context(), "a", call.Request{Method: "tools/call", Admit: func() error {
			st := r.status("a")
			if st.State != stateview.Connected || !st.Tools.At(0).Held {
				t.Errorf("asked to admit while the view says %v", st.State)
			}
			return refused
		}})
		if !errors.Is(err, refused) {
			t.Errorf("Request = %v", err)
		}
	})
}

// TestSessionIsFoundAfterItsToolsAreShown: neither by a request that just looks, nor by one
// that asked in the same turn.
func TestSessionIsFoundAfterItsToolsAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		shown := 0
		r.StateView().OnPublish(func(s *stateview.ServerStatusSnapshot, _ time.Duration) {
			st, _ := s.GetServer("a")
			if _, found := r.sessions.Load("a"); found {
				t.Error("there is a session before there is a snapshot of its tools")
			}
			if st.State == stateview.Connected {
				shown++
			}
		})
		r.apply(false, stdio("a"))
		if r.want("a", stateview.Connected); shown != 1 {
			t.Errorf("shown connected %d times", shown)
		}
	})
	l := newLoop(New(Options{}))
	l.servers["a"] = &server{fact: fact{state: stateview.Connected}, session: &live{}}
	o := l.need("a")
	select {
	case <-o.done:
		t.Error("a request is told of a session before that is published")
	default:
	}
	l.publish()
	if <-o.done; o.session == nil || o.err != nil {
		t.Errorf("outcome %+v", o)
	}
}

// TestNoUnapprovedToolIsEverFree plays at random and looks at every snapshot.
func TestNoUnapprovedToolIsEverFree(t *testing.T) {
	for range 30 / lighter {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("seed %d", seed)
				}
			}()
			playTools(t, rand.New(rand.NewPCG(seed, 4)))
		})
	}
}

func playTools(t *testing.T, rng *rand.Rand) {
	r := run(t, Settings{})
	entry := func() config.Server {
		s := stdio("a")
		s.Args = []string{fmt.Sprint(rng.IntN(2))}
		return s
	}
	list := func() (tools []stateview.Tool) {
		for _, name := range []string{"x", "y", "z"} {
			if rng.IntN(3) > 0 {
				tools = append(tools, version(name, fmt.Sprint(rng.IntN(3))))
			}
		}
		return tools
	}
	ctx, cancel := context.WithCancel(t.Context())
	var watcher sync.WaitGroup
	watcher.Go(func() {
		for snap := range r.StateView().Watch(ctx) {
			st, _ := snap.GetServer("a")
			for tool := range st.Tools.All() {
				if !tool.Held && !r.mem.approvedTool(idOf(tool)) {
					t.Errorf("tool %s is free, and nobody approved it", tool.Definition)
				}
			}
		}
	})
	r.fake.set("a", fakeServer{tools: list()})
	r.apply(true, entry())
	for range 200 {
		switch rng.IntN(8) {
		case 0:
			r.apply(true, entry())
		case 1:
			st := r.status("a")
			_ = r.Approve(ctx, "a", st.Launch().ID)
		case 2:
			st := r.status("a")
			_ = r.ApproveForReview(ctx, "a", st.Launch().ID)
		case 3:
			if s := r.fake.session("a"); s != nil {
				s.kill(errKilled)
			}
		case 4, 5:
			r.fake.set("a", fakeServer{tools: list()})
			if s := r.fake.session("a"); s != nil {
				s.change()
			}
		case 6: // what was held once; it may be stale by now
			st := r.status("a")
			if n := st.Tools.Len(); n > 0 {
				_ = r.ApproveTools(ctx, "a", []approval.ToolID{idOf(st.Tools.At(rng.IntN(n)))})
			}
		case 7:
			r.mem.mu.Lock()
			r.mem.slow, r.mem.err = time.Duration(rng.IntN(3))*time.Second, nil
			if rng.IntN(3) == 0 {
				r.mem.err = errors.New("disk full")
			}
			r.mem.mu.Unlock()
		}
		time.Sleep(time.Duration(rng.IntN(4)) * time.Second)
		synctest.Wait()
	}
	r.mem.mu.Lock()
	r.mem.err, r.mem.slow = nil, 0
	taken := slices.Clone(r.mem.first)
	r.mem.mu.Unlock()
	for i, f := range taken {
		if slices.ContainsFunc(taken[:i], func(g approval.FirstList) bool { return g.LaunchID == f.LaunchID }) {
			t.Errorf("the first list of %s was taken twice", f.LaunchID)
		}
	}
	cancel()
	watcher.Wait()
	r.stop()
}

func (m *memory) approvedTool(id approval.ToolID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.tools, func(r approval.ToolRecord) bool { return r.ToolID == id })
}
