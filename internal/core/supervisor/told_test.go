package supervisor

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// TestPublishesAreTold also how long what led to them waited, and what changed.
func TestPublishesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var waits []time.Duration
		var states []stateview.State
		r := &rig{t: t, fake: newFake(), mem: &memory{}}
		r.Supervisor = New(Options{Connector: r.fake, Approvals: r.mem,
			Published: func(waited time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				waits = append(waits, waited)
			},
			Changed: func(tr Transition) {
				mu.Lock()
				defer mu.Unlock()
				if st := r.status(tr.Server); st.State != tr.To {
					t.Errorf("told of %v while %v is published", tr.To, st.State)
				}
				states = append(states, tr.To)
			}})
		r.fake.set("a", fakeServer{start: time.Second})
		r.Apply(&config.Config{Servers: []config.Server{stdio("a")}}) // waits for Run
		time.Sleep(3 * time.Second)
		r.begin()
		r.want("a", stateview.Connecting)
		time.Sleep(time.Second)
		r.want("a", stateview.Connected)
		_ = r.Sync(t.Context()) // changes nothing
		synctest.Wait()
		mu.Lock()
		if want := []stateview.State{stateview.Connecting, stateview.Connected}; !slices.Equal(states, want) {
			t.Errorf("told of %v, want %v", states, want)
		}
		if len(waits) != 2 || waits[0] != 3*time.Second || waits[1] != 0 {
			t.Errorf("what was published had waited %v, want 3s and 0s", waits)
		}
		mu.Unlock()
		r.stop()
	})
}
