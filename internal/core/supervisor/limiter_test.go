package supervisor

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// turns returns the names of tickets in the order in which their turns come, so long
// as there are any, and when that was.
func turns(tickets map[string]*ticket, during time.Duration) (order []string, at []time.Duration) {
	begin := time.Now()
	for time.Since(begin) < during {
		synctest.Wait()
		for name, t := range tickets {
			select {
			case <-t.ready:
				order, at = append(order, name), append(at, time.Since(begin))
				delete(tickets, name)
			default:
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return order, at
}

func TestWhoseTurnItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(2, 10)
		tickets := map[string]*ticket{}
		queue := func(name string, at place, u urgency) *ticket {
			tickets[name] = l.queue(at, u)
			return tickets[name]
		}
		queue("at once", remote, usual)
		for i := range 3 {
			queue(fmt.Sprint("usual", i), remote, usual)
		}
		late := queue("late", remote, usual)
		for i := range 3 {
			queue(fmt.Sprint("fresh", i), remote, fresh)
		}
		queue("awaited", remote, awaited)
		gone := queue("gone", remote, awaited)
		late.hurry(awaited)
		late.hurry(usual) // it is awaited all the same
		gone.done()
		gone.done()
		order, at := turns(tickets, 2*time.Second)
		want := []string{"at once", "late", "awaited", "usual0", "fresh0", "fresh1", "fresh2", "usual1", "usual2"}
		if !slices.Equal(order, want) {
			t.Errorf("turns: %q, want %q", order, want)
		}
		for i := range at {
			if want := time.Duration(i) * 100 * time.Millisecond; at[i] != want {
				t.Errorf("turn %d after %v, want %v", i, at[i], want)
			}
		}
	})
}

func TestProcessesBeginAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(2, 10)
		tickets := map[string]*ticket{}
		var all []*ticket
		for _, name := range []string{"0", "1", "2", "3"} {
			tickets[name] = l.queue(child, awaited)
			all = append(all, tickets[name])
		}
		tickets["remote"] = l.queue(remote, usual) // is not held up by processes
		time.AfterFunc(500*time.Millisecond, all[0].done)
		order, at := turns(tickets, 3*time.Second)
		if want := []string{"0", "1", "remote", "2", "3"}; !slices.Equal(order, want) {
			t.Fatalf("turns: %q, want %q", order, want)
		}
		if at[3] != 500*time.Millisecond || at[4] != 100*time.Millisecond+holdFor {
			t.Errorf("turns after %v, want two at a time, each for at most %v", at, holdFor)
		}
		for _, x := range all {
			x.done()
		}
		if l.held != 0 || len(l.waiting) != 0 {
			t.Errorf("%d slots are held, %d are queued", l.held, len(l.waiting))
		}
	})
}

// crowd adds remote servers that hang while they are opened, and has them all be retried.
func crowd(r *rig, n int, more ...config.Server) []config.Server {
	for i := range n {
		s := web(fmt.Sprint(i))
		r.fake.set(s.Name, fakeServer{start: 10 * time.Second, err: &classError{class: "network"}})
		more = append(more, s)
	}
	r.apply(false, more...)
	time.Sleep(4 * time.Minute)
	return more
}

// TestGoodServerPassesManyThatFail loses a good server beside 500 that hang and fail for ever.
func TestGoodServerPassesManyThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		crowd(r, 500/lighter, web("good"), stdio("process"))
		for range 5 {
			r.fake.session("good").kill(errKilled)
			r.fake.session("process").kill(errKilled)
			time.Sleep(2500 * time.Millisecond)
			r.want("good", stateview.Connected)
			r.want("process", stateview.Connected)
			time.Sleep(2 * time.Minute)
		}
		r.stop()
		if n := busiest(r.fake.tries, time.Second); n > 10 {
			t.Errorf("%d retries in a second", n)
		}
	})
}

// TestCallHasAQueuedServerTriedNext calls servers that were due and wait for their turn.
func TestCallHasAQueuedServerTriedNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		servers := crowd(r, 500)
		called := 0
		for _, s := range servers {
			st := r.status(s.Name)
			if st.State != stateview.Backoff || time.Since(st.RetryAt) < 5*time.Second {
				continue
			}
			r.fake.set(s.Name, fakeServer{})
			begin := time.Now()
			if err := r.call(s.Name); err != nil || time.Since(begin) > 300*time.Millisecond {
				t.Errorf("server %s, due for %v: %v after %v", s.Name, begin.Sub(st.RetryAt), err, time.Since(begin))
			}
			if called++; called == 10 {
				break
			}
		}
		if called < 10 {
			t.Fatalf("only %d servers were queued", called)
		}
		// Those that are called all the time do not keep the others from being tried.
		for _, s := range servers {
			r.fake.set(s.Name, fakeServer{err: &classError{class: "network"}})
		}
		time.Sleep(2 * time.Minute)
		var calling []string
		for _, s := range servers {
			if r.status(s.Name).State == stateview.Backoff && len(calling) < 30 {
				calling = append(calling, s.Name)
			} else {
				r.fake.set(s.Name, fakeServer{})
			}
		}
		for range 250 { // a second each
			for _, name := range calling {
				go func() { _ = r.call(name) }()
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if n := r.StateView().CountConnected(); n != len(servers)-len(calling) {
			t.Errorf("%d of %d are back", n, len(servers)-len(calling))
		}
	})
}

// TestManyRemoteServersAfterASleep has 200 of them: after a wake-up, one without a
// network, and with the network back, all are well soon.
func TestManyRemoteServersAfterASleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		var servers []config.Server
		for i := range 200 {
			servers = append(servers, web(fmt.Sprint(i)))
			r.fake.set(servers[i].Name, fakeServer{start: time.Second, stop: time.Second})
		}
		r.apply(false, servers...)
		time.Sleep(2 * time.Minute)
		since := time.Now()
		healed := func(what string, limit time.Duration) {
			t.Helper()
			begin := time.Now()
			all := func() bool {
				synctest.Wait()
				for _, s := range servers {
					if st := r.status(s.Name); st.State != stateview.Connected || st.Since.Before(since) {
						return false
					}
				}
				return true
			}
			for !all() && time.Since(begin) < time.Minute {
				time.Sleep(100 * time.Millisecond)
			}
			if took := time.Since(begin); took > limit {
				t.Errorf("%s: all healthy after %v, want %v", what, took, limit)
			}
			time.Sleep(2 * time.Minute)
			since = time.Now()
		}
		r.Woke()
		healed("wake-up", 10*time.Second)
		r.Network(false)
		r.Woke()
		for _, s := range servers {
			r.fake.session(s.Name).kill(errKilled)
		}
		time.Sleep(20 * time.Second)
		r.Network(true)
		healed("network back", 5500*time.Millisecond)
		// The machine goes to sleep with servers that queue.
		for _, s := range servers {
			r.fake.session(s.Name).kill(errKilled)
		}
		time.Sleep(3 * time.Second)
		r.Woke()
		healed("wake-up of those that queue", 10*time.Second)
	})
}

// TestNetworkGoesWhileServersQueue shows the one problem of all of them at once.
func TestNetworkGoesWhileServersQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		servers := crowd(r, 500)
		r.Network(false)
		synctest.Wait()
		for _, s := range servers {
			if st := r.status(s.Name); st.State != stateview.Backoff || st.Problem().Code != "MPT-NETWORK-GONE" || !st.RetryAt.IsZero() {
				t.Fatalf("server %s: %v, %+v, again at %v", s.Name, st.State, st.Problem(), st.RetryAt)
			}
		}
		tries := len(r.fake.tries)
		time.Sleep(time.Hour)
		if synctest.Wait(); len(r.fake.tries) != tries {
			t.Errorf("%d tries without a network", len(r.fake.tries)-tries)
		}
	})
}
