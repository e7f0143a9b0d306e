package supervisor

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/stateview"
)

// backoffOf brings a server into a long backoff.
func backoffOf(r *rig, name string) {
	r.t.Helper()
	r.fake.set(name, fakeServer{err: &classError{class: "network"}})
	r.apply(false, web(name))
	for r.fake.count(name) < 8 || time.Until(r.status(name).RetryAt) < 15*time.Second {
		time.Sleep(time.Second)
		synctest.Wait()
	}
	time.Sleep(r.settings.RetryGap)
}

func TestCallWakesAServerThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		backoffOf(r, "a")
		tries := r.fake.count("a")
		r.fake.set("a", fakeServer{start: 2 * time.Second})
		begin := time.Now()
		var wg sync.WaitGroup
		for range 100 { // one attempt for all of them
			wg.Go(func() {
				if result, _, err := r.Request(t.Context(), "a", call.Request{Method: "x"}); string(result) != "x" || err != nil {
					t.Errorf("Request = %s, %v", result, err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(begin); took != 2*time.Second || r.fake.count("a") != tries+1 {
			t.Errorf("answered after %v, %d attempts", took, r.fake.count("a")-tries)
		}
	})
}

func TestCallFailsWithTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		backoffOf(r, "a")
		for class, state := range map[string]stateview.State{"network": stateview.Backoff, "config": stateview.Failed} {
			r.fake.set("a", fakeServer{start: time.Second, err: &classError{class: class}})
			begin := time.Now()
			_, _, err := r.Request(t.Context(), "a", call.Request{Method: "x"})
			e, ok := errors.AsType[*StateError](err)
			if !ok || e.State != state || e.Problem().Code != "MPT-TEST-"+class || !errors.Is(err, ErrNotConnected) {
				t.Errorf("%s: %v", class, err)
			}
			if took := time.Since(begin); took != time.Second {
				t.Errorf("%s: after %v", class, took)
			}
			if state == stateview.Failed { // a request is no reason to try it
				tries := r.fake.count("a")
				if _, _, err := r.Request(t.Context(), "a", call.Request{Method: "x"}); !errors.Is(err, ErrNotConnected) || r.fake.count("a") != tries {
					t.Errorf("parked server: %v", err)
				}
				return
			}
			r.fake.set("a", fakeServer{})
			time.Sleep(time.Minute)
			r.fake.session("a").kill(&classError{class: "network"})
			synctest.Wait()
		}
	})
}

func TestCallsWakeOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		backoffOf(r, "a")
		tries, begin := r.fake.count("a"), time.Now()
		for time.Since(begin) < 10*time.Second {
			_, _, _ = r.Request(t.Context(), "a", call.Request{Method: "x"})
		}
		if n := r.fake.count("a") - tries; n < 9 || n > 11 {
			t.Errorf("%d attempts in 10 s", n)
		}
	})
}

func TestCallWaitsNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{start: 2 * time.Minute})
		r.apply(false, stdio("a"))
		begin := time.Now()
		_, _, err := r.Request(t.Context(), "a", call.Request{Method: "x"})
		if e, ok := errors.AsType[*StateError](err); !ok || e.State != stateview.Connecting || time.Since(begin) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := r.Request(ctx, "a", call.Request{Method: "x"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a limit of its own: %v", err)
		}
		// It is switched off meanwhile.
		off := stdio("a")
		off.Disabled = true
		time.AfterFunc(time.Second, func() { r.Apply(configOf(off)) })
		begin = time.Now()
		_, _, err = r.Request(t.Context(), "a", call.Request{Method: "x"})
		if e, ok := errors.AsType[*StateError](err); !ok || e.State != stateview.Disabled || time.Since(begin) != time.Second {
			t.Errorf("switched off after %v: %v", time.Since(begin), err)
		}
		// And removed.
		r.apply(false, stdio("a"))
		time.AfterFunc(time.Second, func() { r.Apply(configOf()) })
		if _, _, err = r.Request(t.Context(), "a", call.Request{Method: "x"}); !errors.Is(err, ErrUnknownServer) {
			t.Errorf("removed: %v", err)
		}
		// And the end of all.
		r.apply(false, stdio("a"))
		time.AfterFunc(time.Second, r.stop)
		_, _, err = r.Request(t.Context(), "a", call.Request{Method: "x"})
		if e, ok := errors.AsType[explained](err); !errors.Is(err, ErrClosed) || !ok || e.Problem().Code != "MPT-ENDING" {
			t.Errorf("at the end: %v", err)
		}
		synctest.Wait()
	})
}

func TestCallDoesNotBreakRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{err: &classError{class: "network", after: time.Minute}})
		r.apply(false, web("a"))
		begin := time.Now()
		for time.Since(begin) < 50*time.Second { // too long to wait for
			_, _, err := r.Request(t.Context(), "a", call.Request{Method: "x"})
			if e, ok := errors.AsType[*StateError](err); !ok || e.Problem().Code != "MPT-TEST-network" {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := r.fake.count("a"); n != 1 {
			t.Fatalf("%d attempts", n)
		}
		r.fake.set("a", fakeServer{})
		time.Sleep(5 * time.Second)
		if _, _, err := r.Request(t.Context(), "a", call.Request{Method: "x"}); err != nil || time.Since(begin) < time.Minute {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}

// TestCallIsSentOnce loses a server with calls in flight: each gets one error and
// is not sent again, though the server is back at once.
func TestCallIsSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.apply(false, stdio("a"))
		time.Sleep(2 * time.Minute)
		r.fake.set("a", fakeServer{hangs: true})
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if _, _, err := r.Request(t.Context(), "a", call.Request{Method: "x"}); !errors.Is(err, errKilled) {
					t.Errorf("a call in flight: %v", err)
				}
			})
		}
		synctest.Wait()
		begin := time.Now()
		r.fake.session("a").kill(errKilled)
		wg.Wait()
		if took := time.Since(begin); took > 0 {
			t.Errorf("answered after %v", took)
		}
		if n := r.fake.requests.Load(); n != 100 {
			t.Errorf("100 calls were sent %d times", n)
		}
		r.fake.set("a", fakeServer{})
		synctest.Wait()
		if err := r.call("a"); err != nil {
			t.Errorf("the next call: %v", err)
		}
	})
}
