package supervisor

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

var errExit = &classError{class: "exit"}

func TestCrashLoopIsParkedOnce(t *testing.T) {
	for name, dying := range map[string]fakeServer{
		"attempts": {err: errExit},
		"sessions": {life: time.Second, tools: tools("x")},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, Settings{})
			defer r.stop()
			var failed []Transition
			transitions := r.Subscribe(t.Context())
			r.fake.set("a", dying)
			r.apply(false, stdio("a"))
			time.Sleep(30 * time.Second)
			st := r.want("a", stateview.Failed)
			p := st.Problem()
			if p.Code != "MPT-CRASH-LOOP" || p.Action != "restart" || p.Text == "" || p.Hint == "" || !st.RetryAt.IsZero() {
				t.Errorf("%s: %+v", name, p)
			}
			if n := r.fake.count("a"); n != 5 {
				t.Errorf("%s: %d starts, want 5", name, n)
			}
			time.Sleep(time.Hour)
			if n := r.fake.count("a"); n != 5 {
				t.Errorf("%s: %d starts after an hour, want 5", name, n)
			}

			// Something changed on disk: it is tried at once, and with a clean record.
			r.fake.set("a", fakeServer{tools: tools("x")})
			if !r.fake.change("a") {
				t.Fatalf("%s: nobody waits for a change", name)
			}
			if st := r.want("a", stateview.Connected); !st.Problem().IsZero() {
				t.Errorf("%s: after the change: %+v", name, st.Problem())
			}
			r.fake.set("a", dying)
			r.fake.session("a").kill(errKilled)
			r.want("a", stateview.Backoff)
			time.Sleep(30 * time.Second)
			r.want("a", stateview.Failed)

			// A person has it tried at once, too.
			r.fake.set("a", fakeServer{})
			if err := r.Restart(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			r.want("a", stateview.Connected)
			r.stop()
			for tr := range transitions {
				if tr.To == stateview.Failed {
					failed = append(failed, tr)
				}
			}
			if len(failed) != 2 {
				t.Errorf("%s: %d transitions to failed, want one for each crash loop", name, len(failed))
			}
		})
	}
}

// TestSessionsThatEndTooSoonAreBackedOff has sessions that work for a while and then
// end, again and again: they are tried less and less often, and are crashes.
func TestSessionsThatEndTooSoonAreBackedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{life: 6 * time.Second})
		r.fake.set("b", fakeServer{life: 59 * time.Second})
		r.apply(false, stdio("a"), stdio("b"))
		time.Sleep(time.Minute)
		if st := r.want("a", stateview.Failed); st.Problem().Code != "MPT-CRASH-LOOP" || r.fake.count("a") != 5 {
			t.Errorf("sessions of 6 s: %d starts, %+v", r.fake.count("a"), st.Problem())
		}
		time.Sleep(3 * time.Hour)
		// One that is never healthy waits 15 s on the average between two sessions.
		if n := r.fake.count("b"); n < 120 || n > 165 {
			t.Errorf("sessions of 59 s: %d starts in 3 h", n)
		}
		r.fake.set("b", fakeServer{})
		time.Sleep(3 * time.Minute)
		r.want("b", stateview.Connected)
		r.fake.set("b", fakeServer{err: errExit})
		r.fake.session("b").kill(errKilled)
		for i := range 4 {
			if wait, most := time.Until(r.want("b", stateview.Backoff).RetryAt), r.settings.RetryMin<<i; wait > most {
				t.Errorf("failure %d after a healthy session: tried after %v, want at most %v", i+1, wait, most)
			}
			for tries := r.fake.count("b"); r.fake.count("b") == tries; synctest.Wait() {
				time.Sleep(time.Millisecond)
			}
		}
	})
}

func TestCrashLoopSaysHowOftenAndWhatLast(t *testing.T) {
	got := crashLoopProblem(5, 3700*time.Millisecond, errExit.Problem())
	if want := "It is broken. It failed 5 times within 4s, so it is not started any more."; got.Text != want || got.Hint != "Mend it." {
		t.Errorf("%+v, want %q", got, want)
	}
}

func TestWhatIsNoCrashLoop(t *testing.T) {
	for name, s := range map[string]fakeServer{
		"network":       {err: &classError{class: "network"}},
		"slow failures": {start: 16 * time.Second, err: errExit},
		"long sessions": {life: 16 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, Settings{})
			defer r.stop()
			r.fake.set("a", s)
			r.apply(false, stdio("a"))
			before := 0
			for range 6 {
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				n := r.fake.count("a")
				if st := r.status("a"); st.State == stateview.Failed || n < before+10 || n > before+100 {
					t.Errorf("%s: %v, %d tries in 10 minutes", name, st.State, n-before)
				}
				before = n
			}
		})
	}
}

func TestNothingIsHeldAgainstAServerThatIsCutOff(t *testing.T) {
	h := health{settings: Settings{}.withDefaults(), place: remote}
	for range 10 {
		if v := h.judge(&classError{class: "protocol"}, 0, true); v.rest != stateview.Backoff || v.problem != networkGone {
			t.Fatalf("%v, %+v", v.rest, v.problem)
		}
	}
	for class, want := range map[string]stateview.State{"config": stateview.Failed, "auth": stateview.AuthRequired} {
		if v := h.judge(&classError{class: class}, 0, true); v.rest != want || v.problem == networkGone {
			t.Errorf("%s: %v, %+v", class, v.rest, v.problem)
		}
	}
}

func TestUnclassedFailureOfAnAddressIsNoCrash(t *testing.T) {
	if got := classOf(errKilled, remote); got != classNetwork {
		t.Errorf("at an address: %q", got)
	}
	if got := classOf(errKilled, child); got == classNetwork {
		t.Errorf("of a process: %q", got)
	}
}

func TestConfigFailureWaitsForAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{err: &classError{class: "config"}})
		r.apply(false, stdio("a"))
		r.want("a", stateview.Failed)
		time.Sleep(time.Hour)
		for i := range 3 {
			if n := r.fake.count("a"); n != i+1 {
				t.Fatalf("%d tries after %d changes", n, i)
			}
			if !r.fake.change("a") {
				t.Fatal("nobody waits for a change")
			}
			time.Sleep(r.settings.RetryGap) // a change that does not end is no storm
			r.want("a", stateview.Failed)
		}
		// It can be switched off while it waits.
		off := stdio("a")
		off.Disabled = true
		r.apply(false, off)
		r.want("a", stateview.Disabled)
		if r.fake.change("a"); r.fake.count("a") != 4 {
			t.Error("a change started a server that is off")
		}
	})
}

func TestRetryAfter(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{
		0: 0, -1: time.Second, time.Millisecond: time.Second, time.Minute: time.Minute, 1 << 60: 10 * time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, Settings{})
			defer r.stop()
			busy := fmt.Errorf("connect: %w", &classError{class: "network", after: asked})
			if got := retryAfter(busy); got != want {
				t.Errorf("Retry-After %v is taken for %v, want %v", asked, got, want)
			}
			r.fake.set("a", fakeServer{err: busy})
			r.apply(false, web("a"))
			st := r.want("a", stateview.Backoff)
			if wait := time.Until(st.RetryAt); wait < want || wait > want+2*time.Second {
				t.Errorf("Retry-After %v: tried again after %v", asked, wait)
			}
			time.Sleep(want - 1)
			if synctest.Wait(); r.fake.count("a") > 1 {
				t.Errorf("Retry-After %v: tried early", asked)
			}
		})
	}
	if retryAfter(errKilled) != 0 {
		t.Error("an error that says nothing asks for something")
	}
}

func TestRemoteServerIsNeverHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{err: &classError{class: "network"}})
		r.apply(false, web("a"))
		for range 1000 { // also not by those who need it
			_, _, _ = r.Request(t.Context(), "a", call.Request{Method: "tools/call"})
		}
		if n := r.fake.count("a"); n < 900 {
			t.Fatalf("only %d tries for 1,000 requests", n)
		}
		for i := range len(r.fake.tries) - 1 {
			if gap := r.fake.tries[i+1].at.Sub(r.fake.tries[i].at); gap < time.Second {
				t.Fatalf("tried %v after the last time", gap)
			}
		}
		r.fake.set("a", fakeServer{})
		time.Sleep(2 * time.Minute)
		r.fake.session("a").kill(errKilled)
		if wait := time.Until(r.want("a", stateview.Backoff).RetryAt); wait > r.settings.RetryMin {
			t.Errorf("a healthy session is tried again after %v", wait)
		}
	})
}

// busiest returns the most of the retries, that is all but the first try of each
// server, in any window of that length.
func busiest(tries []try, window time.Duration) int {
	first := map[string]bool{}
	var at []time.Time
	for _, t := range tries {
		if first[t.name] {
			at = append(at, t.at)
		}
		first[t.name] = true
	}
	slices.SortFunc(at, time.Time.Compare)
	most, from := 0, 0
	for i := range at {
		for at[i].Sub(at[from]) >= window {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

// TestStormOfExits has 1,000 servers that all exit at once, for one simulated hour.
func TestStormOfExits(t *testing.T) {
	many := 1000 / lighter
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		var servers []config.Server
		for i := range many {
			servers = append(servers, stdio(fmt.Sprint(i)))
			r.fake.set(servers[i].Name, fakeServer{err: errExit})
		}
		r.apply(false, servers...)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := r.StateView().CountByState(stateview.Failed); n != many {
			t.Errorf("%d of %d are failed", n, many)
		}
		if n := busiest(r.fake.tries, time.Second); n > 10 || n < 5 {
			t.Errorf("up to %d retries in a second, want 10", n)
		}
		if n := len(r.fake.tries); n != 5*many {
			t.Errorf("%d tries, want 5 of each", n)
		}
		last := r.fake.tries[len(r.fake.tries)-1].at.Sub(r.fake.tries[0].at)
		t.Logf("%d tries, the last after %v, at most %d retries in a second", len(r.fake.tries), last, busiest(r.fake.tries, time.Second))
	})
}

// TestStormOfLosses has servers that work and are lost together.
func TestStormOfLosses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		var servers []config.Server
		for i := range 200 {
			servers = append(servers, stdio(fmt.Sprint(i)))
		}
		r.apply(false, servers...)
		time.Sleep(2 * time.Minute)
		for _, s := range servers {
			r.fake.session(s.Name).kill(errKilled)
		}
		synctest.Wait()
		time.Sleep(21 * time.Second)
		synctest.Wait()
		if n := r.StateView().CountConnected(); n != 200 {
			t.Errorf("%d of 200 are back after 21 s", n)
		}
		if n := busiest(r.fake.tries, time.Second); n > 10 {
			t.Errorf("%d retries in a second", n)
		}
	})
}

func TestHangingRetriesHoldUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		var servers []config.Server
		for i := range 20 {
			servers = append(servers, stdio(fmt.Sprint(i)))
		}
		r.apply(false, append(servers, stdio("good"))...)
		time.Sleep(2 * time.Minute)
		for _, s := range servers {
			r.fake.set(s.Name, fakeServer{start: time.Hour})
			r.fake.session(s.Name).kill(errKilled)
		}
		time.Sleep(time.Second)
		r.fake.session("good").kill(errKilled)
		time.Sleep(6 * time.Second)
		r.want("good", stateview.Connected)
	})
}

// TestRemovedServersLeaveNoGap removes servers that queue for their retry.
func TestRemovedServersLeaveNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{Retries: 2, RetryRate: 1})
		defer r.stop()
		var servers []config.Server
		for i := range 200 {
			s := stdio(fmt.Sprint(i))
			if i%2 == 0 {
				s = web(s.Name)
			}
			r.fake.set(s.Name, fakeServer{err: &classError{class: "network"}})
			servers = append(servers, s)
		}
		r.apply(false, append(servers, stdio("good"))...)
		time.Sleep(2 * time.Minute)
		r.apply(false, stdio("good"))
		r.fake.session("good").kill(errKilled)
		time.Sleep(1600 * time.Millisecond)
		r.want("good", stateview.Connected)
	})
}

func TestStartsOfPeopleAreNotLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		var servers []config.Server
		for i := range 60 {
			s := stdio(fmt.Sprint(i))
			r.fake.set(s.Name, fakeServer{start: time.Second})
			servers = append(servers, s)
		}
		begin := time.Now()
		r.apply(false, servers...)
		all := func(when string) {
			t.Helper()
			for synctest.Wait(); r.StateView().CountConnected() != 60; synctest.Wait() {
				time.Sleep(time.Millisecond)
			}
			if took := time.Since(begin); took > 1010*time.Millisecond {
				t.Errorf("60 servers took %v %s", took, when)
			}
		}
		all("to start")
		begin = time.Now()
		for _, s := range servers {
			if err := r.Restart(t.Context(), s.Name); err != nil {
				t.Fatal(err)
			}
		}
		all("to restart")
	})
}

func TestRestartListsToolsBeforeItIsConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{tools: tools("x")})
		r.apply(false, stdio("a"))
		r.fake.set("a", fakeServer{tools: tools("x", "y"), list: time.Second})
		if err := r.Restart(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if st := r.want("a", stateview.Connecting); st.Tools.Len() != 0 {
				t.Fatalf("%d tools while they are listed", st.Tools.Len())
			}
			time.Sleep(99 * time.Millisecond)
		}
		time.Sleep(10 * time.Millisecond)
		if st := r.want("a", stateview.Connected); st.Tools.Len() != 2 {
			t.Errorf("connected with %d tools, want 2", st.Tools.Len())
		}
	})
}

func TestChangesOfToolsAreCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.apply(false, stdio("a"))
		seq := r.StateView().Snapshot().Seq()
		for i := range 1000 { // 100 a second
			r.fake.set("a", fakeServer{tools: tools(fmt.Sprint(i))})
			r.fake.session("a").change()
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := r.fake.counted(r.fake.lists, "a"); n > 13 {
			t.Errorf("%d listings in 11 seconds", n)
		}
		if n := r.StateView().Snapshot().Seq() - seq; n > 12 {
			t.Errorf("%d snapshots in 11 seconds", n)
		}
		if st := r.status("a"); st.Tools.Len() != 1 || st.Tools.At(0).Name != "999" {
			t.Errorf("the newest list is not shown")
		}
	})
}

// TestEditsConverge edits 100 times a second for a minute.
func TestEditsConverge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{start: 300 * time.Millisecond, stop: 200 * time.Millisecond})
		for i := range 6000 {
			a := stdio("a")
			a.Args, a.Disabled = []string{fmt.Sprint(i)}, i%7 == 1
			r.Apply(&config.Config{Servers: []config.Server{a, stdio("b")}})
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		r.want("a", stateview.Connected)
		if got := r.fake.session("a").srv.Args[0]; got != "5999" {
			t.Errorf("edit %s runs, want the last", got)
		}
		if n := r.fake.count("b"); n != 1 {
			t.Errorf("a server that was not edited was started %d times", n)
		}
	})
}

func TestSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		r.Apply(&config.Config{Servers: []config.Server{stdio("a")}})
		if err := r.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, ok := r.StateView().GetServer("a"); !ok {
			t.Error("not published")
		}
		r.stop()
		if err := r.Sync(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}
