package supervisor

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

func configOf(servers ...config.Server) *config.Config { return &config.Config{Servers: servers} }

func TestPlaces(t *testing.T) {
	for url, want := range map[string]place{
		"": child, "http://localhost:80/mcp": local, "http://LOCALHOST.": local, "http://a.localhost/x": local, "http://127.0.0.1": local,
		"http://127.9.8.7:1/": local, "http://[::1]:80/": local, "http://[::ffff:127.0.0.1]/": local,
		"https://example.org/": remote, "http://localhost.example.org/": remote, "http://10.0.0.1/": remote,
		"http://[fe80::1]/": remote, "http://0.0.0.0/": remote, "http://${env:HOST}/": remote, "://": remote,
	} {
		if got := placeOf(config.Server{URL: url}); got != want {
			t.Errorf("placeOf(%q) = %d, want %d", url, got, want)
		}
	}
}

// TestWakeUp has servers of all kinds when the machine slept. All that are healthy
// are up within 10 s, and none is said to have failed.
func TestWakeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		transitions := r.Subscribe(t.Context())
		loopback := config.Server{Name: "loopback", URL: "http://localhost:7/", Transport: "http"}
		servers := []config.Server{stdio("child"), stdio("hung"), loopback, stdio("waits"), web("opening"), stdio("starting")}
		for i := range 20 {
			servers = append(servers, web(fmt.Sprint(i)))
			r.fake.set(servers[len(servers)-1].Name, fakeServer{stop: time.Second, start: time.Second})
		}
		r.fake.set("waits", fakeServer{err: &classError{class: "network"}})
		r.fake.set("opening", fakeServer{start: time.Hour})
		r.apply(false, servers...)
		time.Sleep(9*time.Minute + 50*time.Second)
		r.fake.set("waits", fakeServer{})
		r.fake.set("hung", fakeServer{hangs: true, deaf: true, mute: true})
		starting := stdio("starting")
		starting.Args = []string{"-x"}
		servers[5] = starting
		r.fake.set("starting", fakeServer{start: 8 * time.Second})
		r.apply(false, servers...)
		r.fake.set("opening", fakeServer{})
		slept := time.Now()
		r.Woke()
		synctest.Wait()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for _, s := range servers {
			if st := r.status(s.Name); st.State != stateview.Connected {
				t.Errorf("server %s is %v 10 s after the wake-up: %+v", s.Name, st.State, st.Problem())
			}
		}
		for name, want := range map[string]int{"child": 1, "loopback": 1, "starting": 2, "0": 2, "19": 2} {
			if n := r.fake.count(name); n != want {
				t.Errorf("server %s was opened %d times, want %d", name, n, want)
			}
		}
		for _, name := range []string{"child", "loopback"} {
			if r.fake.counted(r.fake.pings, name) == 0 {
				t.Errorf("server %s was not asked", name)
			}
		}
		for r.status("hung").State == stateview.Connected {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if took := time.Since(slept); took > 21*time.Second {
			t.Errorf("the hung one was found after %v", took)
		}
		r.fake.set("hung", fakeServer{})
		time.Sleep(time.Minute)
		r.want("hung", stateview.Connected)
		r.stop()
		var last time.Time
		var gaps int
		for tr := range transitions {
			if !tr.At.Before(slept) && tr.Server != "hung" && (tr.To == stateview.Backoff || tr.To == stateview.Failed) {
				t.Errorf("a false failure: %+v", tr)
			}
			if tr.From == stateview.Connected && tr.To == stateview.Connecting {
				if tr.At.Sub(last) > 10*time.Millisecond {
					gaps++
				}
				last = tr.At
			}
		}
		if gaps < 10 {
			t.Errorf("20 servers were opened anew at %d moments", gaps)
		}
	})
}

func TestCallsWaitWhileASessionIsOpenedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{start: time.Second})
		r.apply(false, web("a"))
		time.Sleep(time.Minute)
		r.Woke()
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			if err := r.call("a"); err != nil {
				t.Fatal(err)
			}
		}
		if n := r.fake.count("a"); n != 2 {
			t.Errorf("opened %d times, want 2", n)
		}
	})
}

// TestSleepIsHeldAgainstNobody sleeps in the middle of a crash loop and of a Retry-After.
func TestSleepIsHeldAgainstNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{RetryMin: 3 * time.Second, RetryMax: 3 * time.Second})
		defer r.stop()
		r.fake.set("a", fakeServer{err: errExit})
		r.apply(false, stdio("a"))
		for r.fake.count("a") < 4 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		r.Woke()
		for range 4 {
			tries := r.fake.count("a")
			for r.fake.count("a") == tries {
				if r.status("a").State == stateview.Failed {
					t.Fatal("what was before the sleep counts")
				}
				time.Sleep(100 * time.Millisecond)
				synctest.Wait()
			}
		}
	})
}

func TestNetworkIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		loopback := config.Server{Name: "loopback", URL: "http://[::1]:7/", Transport: "http"}
		r.fake.set("waits", fakeServer{err: &classError{class: "network"}})
		r.fake.set("opening", fakeServer{start: time.Hour})
		r.fake.set("loopback", fakeServer{err: &classError{class: "network"}})
		r.apply(false, web("works"), web("lost"), web("waits"), web("opening"), web("asked"), loopback, stdio("child"))
		time.Sleep(time.Minute)
		down := fakeServer{err: &classError{class: "network"}, hangs: true, pingErr: &classError{class: "network"}, listErr: &classError{class: "network"}}
		for _, name := range []string{"lost", "opening", "asked"} {
			r.fake.set(name, down)
		}
		count := func() int {
			return r.fake.count("works") + r.fake.count("child") + r.fake.count("lost") + r.fake.count("opening") + r.fake.count("waits")
		}
		tries, all := count(), len(r.fake.tries)
		r.Network(false)
		for _, name := range []string{"lost", "waits", "opening", "asked"} {
			st := r.want(name, stateview.Backoff)
			if p := st.Problem(); p.Code != "MPT-NETWORK-GONE" || p.Text != networkGone.Text || p.Hint == "" || !st.RetryAt.IsZero() {
				t.Errorf("server %s: %+v, again at %v", name, p, st.RetryAt)
			}
		}
		begin := time.Now()
		if err := r.call("waits"); err == nil || time.Since(begin) > 0 {
			t.Errorf("a call without a network: %v after %v", err, time.Since(begin))
		}
		// A person may have it tried all the same.
		if err := r.Restart(t.Context(), "asked"); err != nil {
			t.Fatal(err)
		}
		if p := r.want("asked", stateview.Backoff).Problem(); p.Code != "MPT-NETWORK-GONE" {
			t.Errorf("asked by a person: %+v", p)
		}
		time.Sleep(time.Hour)
		r.want("works", stateview.Connected)
		r.want("child", stateview.Connected)
		if n := count() - tries; n != 0 {
			t.Errorf("%d tries without a network", n)
		}
		if len(r.fake.tries)-all < 50 || r.status("loopback").Problem().Code == "MPT-NETWORK-GONE" {
			t.Error("a server on this machine was touched")
		}
		r.fake.set("works", down) // it fails by and by
		time.Sleep(time.Minute)
		if p := r.want("works", stateview.Backoff).Problem(); p.Code != "MPT-NETWORK-GONE" {
			t.Errorf("lost later: %+v", p)
		}
		r.Woke() // changes nothing of it
		time.Sleep(time.Minute)
		r.want("works", stateview.Backoff)

		back := []string{"works", "lost", "waits", "opening", "asked"}
		for _, name := range back {
			r.fake.set(name, fakeServer{})
		}
		r.Network(true)
		time.Sleep(5500 * time.Millisecond)
		for _, name := range back {
			if st := r.want(name, stateview.Connected); !st.Problem().IsZero() {
				t.Errorf("server %s: %+v", name, st.Problem())
			}
		}
	})
}

// TestWakeUpWithoutANetwork has the network come a while after the wake-up, as it does.
func TestWakeUpWithoutANetwork(t *testing.T) {
	for name, known := range map[string]time.Duration{"before": -time.Second, "at once": 0, "when sessions are opened": 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, Settings{})
			defer r.stop()
			var servers []config.Server
			for i := range 30 {
				servers = append(servers, web(fmt.Sprint(i)))
				r.fake.set(servers[i].Name, fakeServer{start: time.Second})
			}
			r.apply(false, servers...)
			time.Sleep(2 * time.Minute)
			for _, s := range servers {
				r.fake.set(s.Name, fakeServer{start: time.Hour, hangs: true, deaf: true, mute: true})
			}
			if known < 0 {
				r.Network(false)
				time.Sleep(-known)
			}
			r.Woke()
			if known >= 0 {
				time.Sleep(known)
				r.Network(false)
			}
			time.Sleep(20 * time.Second)
			synctest.Wait()
			for _, s := range servers {
				st := r.status(s.Name)
				if st.State != stateview.Backoff || st.Problem().Code != "MPT-NETWORK-GONE" || !st.RetryAt.IsZero() {
					t.Fatalf("%s: server %s: %v, %+v", name, s.Name, st.State, st.Problem())
				}
				r.fake.set(s.Name, fakeServer{start: time.Second})
			}
			r.Network(true)
			time.Sleep(7 * time.Second)
			synctest.Wait()
			if n := r.StateView().CountConnected(); n != 30 {
				t.Errorf("%s: %d of 30 are back", name, n)
			}
		})
	}
}

// TestNetworkIsBackBeforeItWasMissed flips it quickly.
func TestNetworkIsBackBeforeItWasMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("b", fakeServer{start: 500 * time.Millisecond})
		r.apply(false, web("a"), web("b"))
		for i := range 101 {
			r.Network(i%2 == 0)
			time.Sleep(time.Duration(i) * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		r.want("a", stateview.Connected)
		r.want("b", stateview.Connected)
		if n := r.fake.count("a"); n != 1 {
			t.Errorf("a session that works was opened %d times", n)
		}
	})
}

// TestChangeWithoutANetwork has something change for a remote server that cannot be tried then.
func TestChangeWithoutANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{err: &classError{class: "config"}})
		r.apply(false, web("a"))
		r.want("a", stateview.Failed)
		r.Network(false)
		r.fake.set("a", fakeServer{})
		r.fake.change("a")
		time.Sleep(time.Minute)
		if r.want("a", stateview.Failed); r.fake.count("a") != 1 {
			t.Errorf("tried %d times", r.fake.count("a"))
		}
		r.Network(true)
		time.Sleep(6 * time.Second)
		r.want("a", stateview.Connected)
	})
}

// TestCrashLoopEndsWithTheNetwork has a server that crashes while there is no
// network, as one does that is downloaded at each start.
func TestCrashLoopEndsWithTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.fake.set("a", fakeServer{err: errExit})
		r.fake.set("b", fakeServer{err: &classError{class: "config"}})
		r.Network(false)
		r.apply(false, stdio("a"), stdio("b"), stdio("c"))
		time.Sleep(time.Minute)
		r.want("a", stateview.Failed)
		r.fake.set("a", fakeServer{})
		r.Network(false)
		r.Woke()
		time.Sleep(time.Minute)
		r.want("a", stateview.Failed)
		r.Network(true)
		time.Sleep(5500 * time.Millisecond)
		r.want("a", stateview.Connected)
		if r.want("b", stateview.Failed); r.fake.count("b") != 1 {
			t.Error("what cannot work was tried again")
		}
		if n := r.fake.counted(r.fake.pings, "c"); n != 1 {
			t.Errorf("an idle server was pinged %d times, want once for the wake-up", n)
		}
	})
}

// TestNetworkIsAdded has a VPN come up: remote servers that wait are tried, whether
// they have hundreds before them in the queue or an attempt under way, and that is all.
func TestNetworkIsAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		down := fakeServer{err: &classError{class: "network"}}
		loopback := config.Server{Name: "loopback", URL: "http://localhost:7/", Transport: "http"}
		servers := []config.Server{web("works"), stdio("child"), loopback, stdio("fails"), web("asks"), web("opening"), stdio("crashed")}
		for i := range 200 {
			servers = append(servers, web(fmt.Sprint(i)))
			r.fake.set(fmt.Sprint(i), down)
		}
		r.fake.set("fails", down)
		r.fake.set("crashed", fakeServer{err: errExit})
		r.fake.set("opening", fakeServer{start: 25 * time.Second, err: &classError{class: "network"}})
		r.fake.set("asks", fakeServer{err: &classError{class: "network", after: 10 * time.Minute}})
		r.apply(false, servers...)
		time.Sleep(5 * time.Minute)
		ready := func() bool {
			synctest.Wait()
			return r.status("opening").State == stateview.Connecting && time.Until(r.status("fails").RetryAt) > 7*time.Second
		}
		for !ready() {
			time.Sleep(100 * time.Millisecond)
		}
		r.want("crashed", stateview.Failed)
		fails, asks, opening := r.fake.count("fails"), r.fake.count("asks"), r.fake.count("opening")
		for i := range 200 {
			r.fake.set(fmt.Sprint(i), fakeServer{})
		}
		pings := func() int {
			return r.fake.counted(r.fake.pings, "works") + r.fake.counted(r.fake.pings, "loopback") + r.fake.counted(r.fake.pings, "child")
		}
		before := pings()
		r.NetworkAdded()
		if synctest.Wait(); pings() != before {
			t.Error("servers that work were pinged")
		}
		time.Sleep(5500 * time.Millisecond)
		synctest.Wait()
		for i := range 200 {
			if st := r.status(fmt.Sprint(i)); st.State != stateview.Connected {
				t.Fatalf("server %d: %v, again in %v", i, st.State, time.Until(st.RetryAt))
			}
		}
		if r.fake.count("fails") != fails || r.fake.count("asks") != asks {
			t.Error("one that may not be tried, or does not need the network, was")
		}
		r.fake.set("opening", fakeServer{})
		for r.fake.count("opening") == opening {
			if wait := time.Until(r.status("opening").RetryAt); wait > r.settings.Stagger {
				t.Fatalf("one that was being opened waits for %v", wait)
			}
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		for _, name := range []string{"works", "child", "loopback"} {
			if st := r.want(name, stateview.Connected); r.fake.count(name) != 1 {
				t.Errorf("server %s was opened %d times, is %v", name, r.fake.count(name), st.State)
			}
		}
		if r.want("crashed", stateview.Failed); r.fake.count("crashed") != 5 {
			t.Error("what keeps crashing was tried again")
		}
	})
}

// TestAttemptThatIsQuickerThanTheNetwork succeeds although the network has gone and come.
func TestAttemptThatIsQuickerThanTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		opening := &quick{fakeConnector: r.fake, proceed: make(chan struct{})}
		r.connector = opening
		r.apply(false, web("a"))
		r.Network(false)
		synctest.Wait()
		close(opening.proceed) // the attempt was told to end, and has a session all the same
		r.Network(true)
		time.Sleep(time.Minute)
		if r.want("a", stateview.Connected); r.fake.count("a") != 1 {
			t.Errorf("opened %d times", r.fake.count("a"))
		}
	})
}

// A quick connector does not notice that its context is done, nor do its sessions.
type quick struct {
	*fakeConnector
	proceed chan struct{}
}

func (q *quick) Connect(ctx context.Context, srv config.Server) (Session, error) {
	<-q.proceed
	s, err := q.fakeConnector.Connect(context.WithoutCancel(ctx), srv)
	return quickSession{s}, err
}

type quickSession struct{ Session }

func (q quickSession) Lists(ctx context.Context) (stateview.ToolList, stateview.Offer, error) {
	return q.Session.Lists(context.WithoutCancel(ctx))
}
