package supervisor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/stateview"
)

// notKillable is a process that stays, as upstream says it.
type notKillable struct{}

func (notKillable) Error() string { return "process 7 is still there" }
func (notKillable) Class() string { return "exit" }
func (notKillable) Problem() stateview.Problem {
	return stateview.Problem{Code: "MPT-NOT-KILLABLE", Text: "Process 7 cannot be ended.", Hint: "Restart the computer."}
}

// TestWhatCannotBeEndedIsHeldBack has a server of which each try leaves a process.
func TestWhatCannotBeEndedIsHeldBack(t *testing.T) {
	for name, s := range map[string]fakeServer{
		"sessions": {life: time.Second, endErr: fmt.Errorf("close: %w", notKillable{})},
		"attempts": {err: fmt.Errorf("connect: %w", errors.Join(errExit, fmt.Errorf("close: %w", notKillable{})))},
		"listings": {listErr: errExit, endErr: notKillable{}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, Settings{})
			defer r.stop()
			r.fake.set("a", s)
			r.apply(false, stdio("a"))
			time.Sleep(2 * time.Second)
			st := r.want("a", stateview.Backoff)
			if p := st.Problem(); p.Code != "MPT-NOT-KILLABLE" || !strings.HasPrefix(p.Text, "Process 7 cannot be ended.") || p.Hint == "" {
				t.Errorf("%s: while it is tried again: %+v", name, p)
			}
			if wait := time.Until(st.RetryAt); wait < r.settings.RetryMax-2*time.Second || wait > r.settings.RetryMax {
				t.Errorf("%s: tried again after %v", name, wait)
			}
			// No call, sleep or network has it tried earlier.
			r.Woke()
			r.Network(true)
			begin := time.Now()
			for range 100 {
				_, _, err := r.Request(t.Context(), "a", call.Request{Method: "x"})
				if e, ok := errors.AsType[*StateError](err); !ok || time.Since(begin) < 10*time.Second && e.Problem().Code != "MPT-NOT-KILLABLE" {
					t.Fatalf("%s: a call: %v", name, err)
				}
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(10 * time.Minute)
			if n := r.fake.count("a"); n > 22 {
				t.Errorf("%s: %d starts in 10 minutes", name, n)
			}
			// What a person orders is done, and what is left goes on being shown.
			r.fake.set("a", fakeServer{start: time.Hour})
			if err := r.Restart(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			if p := r.want("a", stateview.Connecting).Problem(); p.Code != "MPT-NOT-KILLABLE" {
				t.Errorf("%s: restarted: %+v", name, p)
			}
			off := stdio("a")
			off.Disabled = true
			r.apply(false, off)
			if p := r.want("a", stateview.Disabled).Problem(); p.Code != "MPT-NOT-KILLABLE" {
				t.Errorf("%s: switched off: %+v", name, p)
			}
			// A session that ends in order shows that the system has let go.
			r.fake.set("a", fakeServer{})
			r.apply(false, stdio("a"))
			if p := r.want("a", stateview.Connected).Problem(); !p.IsZero() {
				t.Errorf("%s: connected: %+v", name, p)
			}
			r.fake.session("a").kill(errExit)
			if st := r.want("a", stateview.Backoff); st.Problem().Code != "MPT-TEST-exit" || time.Until(st.RetryAt) > r.settings.RetryMin {
				t.Errorf("%s: after an end in order: %+v, again in %v", name, st.Problem(), time.Until(st.RetryAt))
			}
		})
	}
}

// TestChangeDoesNotStartWhatIsHeldBack has something change for a parked server of
// which a process stays.
func TestChangeDoesNotStartWhatIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{CrashLoops: 1})
		defer r.stop()
		r.fake.set("a", fakeServer{listErr: errExit, endErr: notKillable{}})
		r.apply(false, stdio("a"))
		for i := range 5 {
			r.want("a", stateview.Failed)
			begin := time.Now()
			if !r.fake.change("a") {
				t.Fatal("nobody waits for a change")
			}
			for synctest.Wait(); r.fake.count("a") == i+1; synctest.Wait() {
				time.Sleep(100 * time.Millisecond)
			}
			if took := time.Since(begin); took < r.settings.RetryMax-time.Second || took > r.settings.RetryMax+time.Second {
				t.Fatalf("tried %v after the change", took)
			}
		}
	})
}
