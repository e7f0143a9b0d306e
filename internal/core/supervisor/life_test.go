package supervisor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// call makes a request that has a second to be answered.
func (r *rig) call(server string) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
	defer cancel()
	_, _, err := r.Request(ctx, server, call.Request{Method: "tools/call"})
	return err
}

func TestHungServerIsRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.apply(false, stdio("a"), stdio("good"))
		time.Sleep(time.Minute)
		r.fake.set("a", fakeServer{hangs: true, deaf: true, mute: true})
		if err := r.call("a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("call: %v", err)
		}
		for range 10 { // more calls that time out change nothing
			_ = r.call("a")
		}
		time.Sleep(15*time.Second - 10*time.Second - time.Millisecond)
		r.want("a", stateview.Connected)
		r.fake.set("a", fakeServer{})
		time.Sleep(2 * time.Millisecond)
		st := r.want("a", stateview.Backoff)
		if p := st.Problem(); p.Code != "MPT-UNRESPONSIVE" || p.Text == "" || p.Hint == "" {
			t.Errorf("problem %+v", p)
		}
		time.Sleep(time.Second)
		r.want("a", stateview.Connected)
		if n := r.fake.count("good"); n != 1 {
			t.Errorf("another server was started %d times", n)
		}
	})
}

// TestTimedOutCallKillsNoServer has servers that do not answer a call but do
// give some sign of life afterwards.
func TestTimedOutCallKillsNoServer(t *testing.T) {
	for name, tt := range map[string]struct {
		srv    config.Server
		server fakeServer
		sign   func(*rig) // given every 4 seconds
	}{
		"answers pings":                    {stdio("a"), fakeServer{hangs: true, mute: true}, nil},
		"refuses the listing":              {stdio("a"), fakeServer{hangs: true, deaf: true, listErr: errKilled}, nil},
		"ignores pings":                    {stdio("a"), fakeServer{hangs: true, deaf: true}, nil},
		"ignores pings, says tools change": {stdio("a"), fakeServer{hangs: true, deaf: true, mute: true}, func(r *rig) { r.fake.session("a").change() }},
		"ignores pings, answers a call": {stdio("a"), fakeServer{hangs: true, deaf: true, mute: true}, func(r *rig) {
			r.fake.set("a", fakeServer{})
			if err := r.call("a"); err != nil {
				r.t.Error(err)
			}
			r.fake.set("a", fakeServer{hangs: true, deaf: true, mute: true})
		}},
		"is busy, over HTTP":       {web("a"), fakeServer{hangs: true, mute: true, pingErr: &classError{class: "network", after: time.Minute}}, nil},
		"ignores pings, over HTTP": {web("a"), fakeServer{hangs: true, deaf: true}, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, Settings{PeerEvery: time.Hour})
			defer r.stop()
			r.apply(false, tt.srv)
			r.fake.set("a", tt.server)
			for range 20 {
				_ = r.call("a")
				time.Sleep(3 * time.Second)
				if tt.sign != nil {
					tt.sign(r)
				}
			}
			if tt.sign == nil {
				time.Sleep(time.Minute)
			}
			synctest.Wait()
			if st := r.status("a"); st.State != stateview.Connected || r.fake.count("a") != 1 {
				t.Errorf("%s: %v, %+v", name, st.State, st.Problem())
			}
			if r.fake.counted(r.fake.pings, "a") == 0 {
				t.Errorf("%s: nobody asked", name)
			}
		})
	}
}

func TestIdleServerIsNotPinged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.apply(false, stdio("a"))
		for range 10 {
			if err := r.call("a"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(24 * time.Hour)
		if n := r.fake.counted(r.fake.pings, "a"); n != 0 {
			t.Errorf("%d pings of an idle server", n)
		}
	})
}

// TestCancelledCallRaisesNoDoubt has a client that gave up, which says nothing of the server.
func TestCancelledCallRaisesNoDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.apply(false, stdio("a"))
		r.fake.set("a", fakeServer{hangs: true, deaf: true, mute: true})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, _, err := r.Request(ctx, "a", call.Request{Method: "tools/call"}); err == nil {
			t.Error("a hung server answered")
		}
		time.Sleep(time.Hour)
		r.want("a", stateview.Connected)
	})
}

// TestHalfOpenConnectionIsFound cuts connections at any moment, without a word.
func TestHalfOpenConnectionIsFound(t *testing.T) {
	loopback := config.Server{Name: "a", URL: "http://127.0.0.1:7/mcp", Transport: "http"}
	for _, srv := range []config.Server{web("a"), loopback} {
		for at := range 31 {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, Settings{})
				defer r.stop()
				r.apply(false, srv)
				time.Sleep(2*time.Minute + time.Duration(at)*time.Second)
				if at%2 == 0 { // an answer just before
					if err := r.call("a"); err != nil {
						t.Fatal(err)
					}
				}
				r.fake.set("a", fakeServer{hangs: true, deaf: true, mute: true})
				cut := time.Now()
				for synctest.Wait(); r.status("a").State == stateview.Connected; synctest.Wait() {
					time.Sleep(100 * time.Millisecond)
				}
				if took := time.Since(cut); took > 45*time.Second {
					t.Errorf("cut at second %d: found after %v", at, took)
				}
				if p := r.status("a").Problem(); p.Code != "MPT-UNRESPONSIVE" || p.Hint == "" {
					t.Errorf("problem %+v", p)
				}
			})
		}
	}
}

func TestPeersArePingedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		var servers []config.Server
		for i := range 20 {
			servers = append(servers, web(fmt.Sprint(i)))
			r.fake.set(servers[i].Name, fakeServer{start: time.Duration(i) * 700 * time.Millisecond})
		}
		r.apply(false, servers...)
		for range 90 { // one of them is in use
			time.Sleep(time.Second)
			if err := r.call("0"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(1500 * time.Millisecond)
		if n := r.fake.counted(r.fake.pings, "0"); n != 0 {
			t.Errorf("%d pings of a server that answers", n)
		}
		for _, s := range servers[1:] {
			if n := r.fake.counted(r.fake.pings, s.Name); n != 3 {
				t.Errorf("server %s was pinged %d times in 90 s", s.Name, n)
			}
		}
		// One miss is not the end.
		r.fake.set("1", fakeServer{deaf: true})
		time.AfterFunc(35*time.Second, func() { r.fake.set("1", fakeServer{}) })
		time.Sleep(5 * time.Minute)
		r.want("1", stateview.Connected)
		if n := r.fake.count("1"); n != 1 {
			t.Errorf("opened %d times", n)
		}
	})
}

func TestHowAPingFailsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.apply(false, web("a"))
		r.fake.set("a", fakeServer{deaf: false, pingErr: &classError{class: "auth"}, listErr: &classError{class: "network"}})
		time.Sleep(40 * time.Second)
		if p := r.status("a").Problem(); p.Code != "MPT-TEST-network" {
			t.Errorf("problem %+v", p)
		}
	})
}

// TestBusyServerIsNotPunished has a server at an address that answers nothing else
// while it works on a call, as one with a single thread does.
func TestBusyServerIsNotPunished(t *testing.T) {
	loopback := config.Server{Name: "a", URL: "http://127.0.0.1:7/mcp", Transport: "http"}
	for _, srv := range []config.Server{web("a"), loopback, stdio("a")} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, Settings{})
			defer r.stop()
			r.apply(false, srv)
			time.Sleep(time.Minute)
			r.want("a", stateview.Connected)
			r.fake.set("a", fakeServer{hangs: true, deaf: true, mute: true})
			ctx, cancel := context.WithCancel(t.Context())
			called := make(chan struct{})
			go func() {
				_, _, _ = r.Request(ctx, "a", call.Request{Method: "tools/call"})
				close(called)
			}()
			time.Sleep(4 * time.Minute)
			r.want("a", stateview.Connected)
			r.fake.set("a", fakeServer{}) // it is done
			cancel()
			<-called
			time.Sleep(time.Hour)
			r.want("a", stateview.Connected)
			if n := r.fake.count("a"); n != 1 {
				t.Errorf("opened %d times", n)
			}
		})
	}
}

// TestCallDuringACheckIsNotCut has a server that does one thing at a time be asked
// for a sign of life when a call arrives, which keeps it busy for a while.
func TestCallDuringACheckIsNotCut(t *testing.T) {
	busy := fakeServer{hangs: true, deaf: true, mute: true}
	loopback := config.Server{Name: "a", URL: "http://127.0.0.1:7/mcp", Transport: "http"}
	for name, tt := range map[string]struct {
		srv  config.Server
		turn func(*rig)
	}{
		"beat":                     {web("a"), func(r *rig) { time.Sleep(30 * time.Second) }},
		"beat, on this machine":    {loopback, func(r *rig) { time.Sleep(30 * time.Second) }},
		"wake-up, on this machine": {loopback, func(r *rig) { r.Woke(); time.Sleep(4 * time.Second) }},
		"wake-up, a process":       {stdio("a"), func(r *rig) { r.Woke(); time.Sleep(4 * time.Second) }},
		"network gone":             {web("a"), func(r *rig) { r.Network(false) }},
		"network back":             {web("a"), func(r *rig) { r.Network(false); r.Network(true) }},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, Settings{})
			defer r.stop()
			r.apply(false, tt.srv)
			time.Sleep(30*time.Second + 500*time.Millisecond)
			r.fake.set("a", busy)
			tt.turn(r) // asks, and gets no answer
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			called := make(chan error, 1)
			go func() {
				_, _, err := r.Request(ctx, "a", call.Request{Method: "tools/call"})
				called <- err
			}()
			time.Sleep(50 * time.Second)
			if st := r.want("a", stateview.Connected); r.fake.count("a") != 1 || r.fake.counted(r.fake.pings, "a") == 0 {
				t.Errorf("%s: opened %d times, pinged %d times, %+v", name, r.fake.count("a"), r.fake.counted(r.fake.pings, "a"), st.Problem())
			}
			// The call is not answered in time: now it is asked again, and given up.
			if err := <-called; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: the call: %v", name, err)
			}
			time.Sleep(15 * time.Second)
			if synctest.Wait(); r.status("a").State == stateview.Connected {
				t.Errorf("%s: connected 15 s after the call timed out", name)
			}
		})
	}
}

// TestOtherCallsDoNotHideAHungServer has new calls arrive all the time while one has timed out.
func TestOtherCallsDoNotHideAHungServer(t *testing.T) {
	for _, srv := range []config.Server{web("a"), stdio("a")} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, Settings{})
			defer r.stop()
			r.apply(false, srv)
			time.Sleep(time.Minute)
			r.fake.set("a", fakeServer{hangs: true, deaf: true, mute: true})
			for range 30 {
				go func() {
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					defer cancel()
					_, _, _ = r.Request(ctx, "a", call.Request{Method: "tools/call"})
				}()
				time.Sleep(time.Second)
				if st := r.status("a"); st.State != stateview.Connected {
					return
				}
			}
			t.Errorf("%s server: still connected 20 s after a call timed out", srv.Transport)
		})
	}
}
