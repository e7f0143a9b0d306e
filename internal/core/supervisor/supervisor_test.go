package supervisor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

func TestConnectedOnlyWithTools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{start: time.Second, list: time.Second, tools: tools("x", "y")})
		r.apply(false, stdio("a"))
		for range 2 {
			if st := r.want("a", stateview.Connecting); st.Attempt != 1 || st.Tools.Len() > 0 || !st.Enabled || st.Launch().Line != "a" || st.Launch().ID == "" {
				t.Errorf("connecting: %+v", st)
			}
			time.Sleep(time.Second - time.Millisecond)
		}
		time.Sleep(2 * time.Millisecond)
		st := r.want("a", stateview.Connected)
		if st.Tools.Len() != 2 || st.PID != 42 || st.Protocol == "" || st.Attempt != 0 || !st.Problem().IsZero() || !st.Since.Equal(time.Now()) {
			t.Errorf("connected: %+v", st)
		}
	})
}

func TestServersStartInParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		var servers []config.Server
		for i := range 50 {
			s := stdio(fmt.Sprintf("s%02d", i))
			r.fake.set(s.Name, fakeServer{start: time.Duration(i+1) * 100 * time.Millisecond})
			servers = append(servers, s)
		}
		r.apply(false, servers...)
		time.Sleep(5 * time.Second) // the slowest one's own time
		synctest.Wait()
		if n := r.StateView().CountConnected(); n != 50 {
			t.Errorf("%d of 50 connected", n)
		}
	})
}

func TestStartsAtOnceIsALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{StartsAtOnce: 2})
		defer r.stop()
		for i := range 5 {
			r.fake.set(fmt.Sprint(i), fakeServer{start: time.Second})
		}
		r.apply(false, stdio("0"), stdio("1"), stdio("2"), stdio("3"), stdio("4"))
		for i := 1; i <= 3; i++ {
			time.Sleep(time.Second)
			synctest.Wait()
			if n := r.StateView().CountConnected(); n != min(2*i, 5) {
				t.Errorf("after %d s %d connected", i, n)
			}
		}
	})
}

// TestKilledServerIsBackWithinASecond kills a healthy server again and again.
func TestKilledServerIsBackWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{tools: tools("x")})
		r.apply(false, stdio("a"))
		for range 100 {
			r.want("a", stateview.Connected)
			time.Sleep(r.settings.Healthy)
			r.fake.session("a").kill(errKilled)
			st := r.want("a", stateview.Backoff)
			if wait := time.Until(st.RetryAt); wait <= 0 || wait > time.Second || st.PID != 0 || st.Tools.Len() > 0 || st.Problem().Code == "" {
				t.Fatalf("backoff: retry in %v, %+v", wait, st)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestAttemptsAreCountedSinceTheLastSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{RetryMin: time.Second, RetryMax: time.Second})
		defer r.stop()
		r.apply(false, stdio("a"))
		r.fake.set("a", fakeServer{start: 10 * time.Second, err: errKilled})
		r.fake.session("a").kill(errKilled)
		if st := r.want("a", stateview.Backoff); st.Attempt != 0 {
			t.Errorf("attempt %d right after the loss", st.Attempt)
		}
		time.Sleep(time.Second)
		st := r.want("a", stateview.Connecting)
		if st.Attempt != 1 || !st.RetryAt.IsZero() || st.Problem().IsZero() {
			t.Errorf("first attempt: %+v", st)
		}
		time.Sleep(time.Minute)
		if st := r.status("a"); st.Attempt != r.fake.count("a")-1 {
			t.Errorf("attempt %d after %d tries", st.Attempt, r.fake.count("a")-1)
		}
	})
}

func TestBackoffGrowsAndIsForgotten(t *testing.T) {
	s := Settings{}.withDefaults()
	want := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second}
	for i, w := range want {
		if got := s.ceiling(i); got != w {
			t.Errorf("ceiling(%d) = %v, want %v", i, got, w)
		}
	}
	if s.ceiling(1_000_000) != s.RetryMax {
		t.Error("the ceiling is not the maximum for ever")
	}
	h := health{settings: s}
	for range 10 {
		if d := h.delay(0, 0); d <= 0 || d > s.RetryMax {
			t.Errorf("after an attempt: %v", d)
		}
	}
	longest := time.Duration(0)
	for range 100 {
		longest = max(longest, h.delay(s.Healthy-1, 0))
	}
	if longest < s.RetryMax/2 || h.failures != 110 {
		t.Errorf("after sessions that did not last: at most %v, %d failures", longest, h.failures)
	}
	for range 100 {
		if d := h.delay(s.Healthy, 0); d > s.RetryMin {
			t.Errorf("after a healthy session %v", d)
		}
	}
	if h.failures != 1 {
		t.Errorf("%d failures after the end of a healthy session, want that one", h.failures)
	}
}

// quietError is a failure to reach a server, without words for people.
type quietError struct{ error }

func (*quietError) Class() string { return "network" }

func TestFailingServerIsTriedLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{err: &quietError{errors.New("secret raw text")}})
		r.apply(false, stdio("a"))
		st := r.want("a", stateview.Backoff)
		if st.Attempt != 1 || st.Problem().Code != "MPT-CONNECT" || st.RetryAt.IsZero() {
			t.Errorf("first failure: %+v", st)
		}
		since := st.Problem().Since
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		// 600 s at up to 30 s each: some 40 tries, and never a storm.
		if n := r.fake.count("a"); n < 20 || n > 90 {
			t.Errorf("%d attempts in 10 minutes", n)
		}
		if st := r.status("a"); st.Attempt != r.fake.count("a") || !st.Problem().Since.Equal(since) {
			t.Errorf("after %d attempts: %+v", r.fake.count("a"), st)
		}
		r.fake.set("a", fakeServer{})
		time.Sleep(31 * time.Second)
		r.want("a", stateview.Connected)
	})
}

func TestSlowStartTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, slow := range []fakeServer{{start: time.Hour}, {list: time.Hour}} {
			r := run(t, Settings{StartTimeout: 40 * time.Second})
			r.fake.set("a", slow)
			r.apply(false, stdio("a"))
			time.Sleep(40*time.Second - time.Millisecond)
			r.want("a", stateview.Connecting)
			time.Sleep(2 * time.Millisecond)
			if st := r.want("a", stateview.Backoff); st.Problem().Code != "MPT-START-TIMEOUT" {
				t.Errorf("problem %+v", st.Problem())
			}
			r.stop()
		}
	})
}

func TestErrorClasses(t *testing.T) {
	for class, want := range map[string]stateview.State{
		"config": stateview.Failed, "auth": stateview.AuthRequired, "network": stateview.Backoff, "exit": stateview.Backoff, "protocol": stateview.Backoff,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, Settings{})
			defer r.stop()
			broken := fmt.Errorf("connect: %w", &classError{class: class})
			r.fake.set("a", fakeServer{err: broken})
			r.apply(false, stdio("a"))
			if st := r.want("a", want); st.Problem().Code != "MPT-TEST-"+class || st.Problem().Since.IsZero() {
				t.Errorf("%s: problem %+v", class, st.Problem())
			}
			r.fake.set("a", fakeServer{})
			time.Sleep(time.Hour)
			if want == stateview.Backoff {
				r.want("a", stateview.Connected)
				return
			}
			r.want("a", want)
			if n := r.fake.count("a"); n != 1 {
				t.Errorf("%s: tried %d times", class, n)
			}
			// A restart tries again, and so does a change of the entry.
			if err := r.Restart(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			r.want("a", stateview.Connected)
			r.fake.session("a").kill(broken) // a session can end like this, too
			r.want("a", want)
			changed := stdio("a")
			changed.Args = []string{"-v"}
			r.apply(false, changed)
			r.want("a", stateview.Connected)
		})
	}
}

func TestApplyTouchesOnlyWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("b", fakeServer{stop: time.Second})
		r.fake.set("c", fakeServer{stop: time.Second})
		r.apply(false, stdio("a"), stdio("b"), stdio("c"), stdio("d"))
		off, changed := stdio("b"), stdio("d")
		off.Disabled, changed.Env = true, map[string]string{"X": "1"}
		broken := config.Server{Name: "e", Err: &config.Error{Line: 7, Text: "The entry needs a command."}}
		seq := r.StateView().Snapshot().Seq()
		r.apply(false, stdio("a"), off, changed, broken)
		r.want("b", stateview.Stopping)
		r.want("c", stateview.Stopping)
		r.want("d", stateview.Connected)
		if st := r.want("e", stateview.Failed); st.Problem().Text != "The entry needs a command." || st.Problem().Action != "edit_config" || st.Launch().ID != "" {
			t.Errorf("broken entry: %+v", st)
		}
		// One for the whole configuration; then d ended, and connected.
		if n := r.StateView().Snapshot().Seq() - seq; n > 3 {
			t.Errorf("%d snapshots for one change", n)
		}
		time.Sleep(time.Second)
		if st := r.want("b", stateview.Disabled); st.Enabled || !st.Problem().IsZero() {
			t.Errorf("disabled: %+v", st)
		}
		synctest.Wait()
		if _, ok := r.StateView().GetServer("c"); ok {
			t.Error("a removed server is still shown")
		}
		for name, want := range map[string]int{"a": 1, "b": 1, "c": 1, "d": 2, "e": 0} {
			if n := r.fake.count(name); n != want {
				t.Errorf("server %s was connected %d times, want %d", name, n, want)
			}
		}
		seq = r.StateView().Snapshot().Seq()
		r.apply(false, stdio("a"), off, changed, broken)
		if r.StateView().Snapshot().Seq() != seq {
			t.Error("the same configuration published a snapshot")
		}
	})
}

func TestToggledWhileStoppingStartsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{stop: time.Second})
		r.apply(false, stdio("a"))
		off := stdio("a")
		off.Disabled = true
		r.apply(false, off)
		r.want("a", stateview.Stopping)
		r.inbox.put(report{"a", 1, lost{rest: stateview.Failed}}) // what it had to say before it stopped
		r.apply(false, stdio("a"))
		r.want("a", stateview.Stopping) // never two at a time
		time.Sleep(time.Second)
		r.want("a", stateview.Connected)
	})
}

func TestToolsAreListedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{tools: tools("x")})
		r.apply(false, stdio("a"))
		change := func(s fakeServer) {
			r.fake.set("a", s)
			r.fake.session("a").changed <- struct{}{}
			synctest.Wait()
		}
		change(fakeServer{tools: tools("x", "y")})
		if st := r.want("a", stateview.Connected); st.Tools.Len() != 2 {
			t.Errorf("%d tools right after the first change", st.Tools.Len())
		}
		change(fakeServer{tools: tools("x", "y", "z")})
		if n := r.status("a").Tools.Len(); n != 2 {
			t.Errorf("listed twice within RelistEvery: %d tools", n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := r.status("a").Tools.Len(); n != 3 {
			t.Errorf("%d tools after the second change", n)
		}
		time.Sleep(time.Minute)
		change(fakeServer{listErr: errors.New("busy")})
		r.fake.set("a", fakeServer{tools: tools("w")})
		time.Sleep(5 * time.Second) // a listing that failed is tried again without being asked
		if st := r.want("a", stateview.Connected); st.Tools.Len() != 1 || r.fake.count("a") != 1 {
			t.Errorf("after a failed listing: %d tools, %d connects", st.Tools.Len(), r.fake.count("a"))
		}
		// A session that ends while its tools are listed is down at once.
		change(fakeServer{list: time.Minute})
		time.Sleep(2 * time.Second)
		r.fake.session("a").kill(errKilled)
		r.want("a", stateview.Backoff)
	})
}

func TestRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		off := stdio("off")
		off.Disabled = true
		r.apply(false, stdio("a"), off)
		result, rpcErr, err := r.Request(t.Context(), "a", call.Request{Method: "tools/call", Params: []byte(`{}`)})
		if string(result) != `tools/call{}` || rpcErr != nil || err != nil {
			t.Errorf("Request = %s, %s, %v", result, rpcErr, err)
		}
		if _, _, err := r.Request(t.Context(), "nobody", call.Request{Method: "x"}); !errors.Is(err, ErrUnknownServer) {
			t.Errorf("unknown server: %v", err)
		}
		_, _, err = r.Request(t.Context(), "off", call.Request{Method: "x"})
		if e, ok := errors.AsType[*StateError](err); !ok || e.State != stateview.Disabled || !errors.Is(err, ErrNotConnected) || e.Problem().Text == "" {
			t.Errorf("disabled server: %v", err)
		}
		time.Sleep(time.Minute)
		r.fake.session("a").kill(errKilled)
		r.want("a", stateview.Backoff)
		if result, _, err = r.Request(t.Context(), "a", call.Request{Method: "x"}); string(result) != "x" || err != nil {
			t.Errorf("lost server: %s, %v", result, err)
		}
	})
}

func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		off := stdio("off")
		off.Disabled = true
		r.fake.set("slow", fakeServer{err: errKilled})
		r.apply(false, stdio("a"), off, stdio("slow"))
		first := r.fake.session("a")
		for _, name := range []string{"a", "slow"} {
			if err := r.Restart(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if n := r.fake.count(name); n != 2 {
				t.Errorf("server %s was connected %d times, want 2", name, n)
			}
		}
		if r.want("a", stateview.Connected); r.fake.session("a") == first {
			t.Error("the session is the old one")
		}
		if err := r.Restart(t.Context(), "nobody"); !errors.Is(err, ErrUnknownServer) {
			t.Errorf("unknown server: %v", err)
		}
		if e, ok := errors.AsType[*StateError](r.Restart(t.Context(), "off")); !ok || e.State != stateview.Disabled {
			t.Errorf("disabled server: %v", e)
		}
	})
}

func TestShutdownStopsAllInParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		var servers []config.Server
		for i := range 20 {
			s := stdio(fmt.Sprint(i))
			r.fake.set(s.Name, fakeServer{stop: 3 * time.Second})
			servers = append(servers, s)
		}
		r.fake.set("hangs", fakeServer{start: time.Hour})
		r.fake.set("fails", fakeServer{err: errKilled})
		r.apply(false, append(servers, stdio("hangs"), stdio("fails"))...)
		begin := time.Now()
		var wg sync.WaitGroup
		wg.Go(r.stop)
		synctest.Wait()
		if n := r.StateView().CountByState(stateview.Stopping); n != 22 {
			t.Errorf("%d of 22 are stopping", n)
		}
		wg.Wait()
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("shutdown took %v, want 3s", took)
		}
		// Nothing starts any more, and nobody hangs.
		r.Apply(&config.Config{Servers: []config.Server{stdio("late")}})
		if err := r.Restart(t.Context(), "0"); !errors.Is(err, ErrClosed) {
			t.Errorf("Restart after the end: %v", err)
		}
		if err := r.Approve(t.Context(), "0", "x"); !errors.Is(err, ErrClosed) {
			t.Errorf("Approve after the end: %v", err)
		}
		if r.fake.count("late") > 0 {
			t.Error("a server started after the end")
		}
	})
}

// TestNothingStartsOnceTheEndHasBegun has runners end before the loop sees why.
func TestNothingStartsOnceTheEndHasBegun(t *testing.T) {
	for range 20 { // the loop may look at either first
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			fake := newFake()
			l := newLoop(New(Options{Connector: fake}))
			l.broken = func(msg string, args ...any) { t.Error(msg, args) }
			fake.set("a", fakeServer{start: time.Hour})
			l.turn(ctx, []message{apply{configOf(stdio("a"))}})
			synctest.Wait()
			cancel()
			synctest.Wait()
			l.run(ctx)
			if n := fake.count("a"); n != 1 {
				t.Errorf("started %d times", n)
			}
		})
	}
}

func TestSubscribeIsOrderedAndLossless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		fast, slow := r.Subscribe(ctx), r.Subscribe(ctx)
		r.Subscribe(ctx) // is never read
		var got [2][]Transition
		var wg sync.WaitGroup
		wg.Go(func() {
			for tr := range fast {
				got[0] = append(got[0], tr)
			}
		})
		wg.Go(func() {
			for tr := range slow {
				time.Sleep(time.Minute)
				got[1] = append(got[1], tr)
			}
		})
		r.fake.set("a", fakeServer{life: 2 * time.Minute})
		r.apply(false, stdio("a"))
		time.Sleep(time.Hour)
		r.stop() // ends the subscriptions, after all was delivered
		wg.Wait()
		state := stateview.Disabled
		for i, tr := range got[0] {
			if tr.Seq != uint64(i+1) || tr.From != state || tr.Server != "a" || tr.At.IsZero() {
				t.Fatalf("transition %d = %+v, before it was %v", i, tr, state)
			}
			if state = tr.To; state == stateview.Backoff && tr.Problem.Code == "" {
				t.Errorf("transition %+v has no problem", tr)
			}
		}
		if len(got[0]) < 60 || state != stateview.Stopping || len(got[1]) != len(got[0]) {
			t.Errorf("%d and %d transitions, the last to %v", len(got[0]), len(got[1]), state)
		}
	})
}

func TestReportsOfAnOlderRunnerAreDiscarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.apply(false, stdio("a"))
		r.want("a", stateview.Connected)
		for _, e := range []event{lost{rest: stateview.Failed}, ended{}, relisted{offering{tools: stateview.NewToolList(tools("x"))}}, attempting{9}} {
			r.inbox.put(report{"a", 0, e})
			r.inbox.put(report{"nobody", 1, e})
		}
		if st := r.want("a", stateview.Connected); st.Tools.Len() > 0 || st.Attempt != 0 {
			t.Errorf("an old report changed %+v", st)
		}
	})
}

// TestWhatCannotBeEndedIsShown stops a server of which something stays.
func TestWhatCannotBeEndedIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{endErr: fmt.Errorf("close: %w", &classError{class: "exit"})})
		r.apply(false, stdio("a"))
		r.want("a", stateview.Connected)
		off := stdio("a")
		off.Disabled = true
		r.apply(false, off)
		if p := r.want("a", stateview.Disabled).Problem(); p.Code != "MPT-TEST-exit" || p.Since.IsZero() {
			t.Errorf("problem = %+v", p)
		}
		r.fake.set("a", fakeServer{})
		r.apply(false, stdio("a"))
		if p := r.want("a", stateview.Connected).Problem(); !p.IsZero() {
			t.Errorf("after a new start: problem = %+v", p)
		}
		r.apply(false, off)
		if p := r.want("a", stateview.Disabled).Problem(); !p.IsZero() {
			t.Errorf("after an end in order: problem = %+v", p)
		}
	})
}
