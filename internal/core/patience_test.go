package core

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/call"
)

// slow is a client who takes his time to answer.
type slow struct {
	call.Client
	told int
}

func (s *slow) Notify(string, json.RawMessage) { s.told++ }
func (s *slow) Ask(ctx context.Context, _ string, _ json.RawMessage) (result, rpcErr json.RawMessage, err error) {
	time.Sleep(time.Hour)
	return json.RawMessage(`{}`), nil, nil
}

func TestPatience(t *testing.T) {
	for _, tt := range []struct {
		name string
		does func(c call.Client)
		want time.Duration // after the beginning it ends
	}{
		{"nothing", func(call.Client) {}, time.Minute},
		{"progress", func(c call.Client) {
			time.Sleep(30 * time.Second)
			c.Notify("notifications/progress", nil)
		}, 90 * time.Second},
		{"another notification", func(c call.Client) {
			time.Sleep(30 * time.Second)
			c.Notify("notifications/message", nil)
		}, time.Minute},
		{"question", func(c call.Client) {
			time.Sleep(30 * time.Second)
			_, _, _ = c.Ask(t.Context(), "roots/list", nil)
		}, time.Hour + 90*time.Second},
		{"progress during a question", func(c call.Client) {
			go func() {
				time.Sleep(time.Minute)
				c.Notify("notifications/progress", nil)
			}()
			_, _, _ = c.Ask(t.Context(), "roots/list", nil)
		}, time.Hour + time.Minute},
		{"endless progress", func(c call.Client) {
			for range 1000 {
				time.Sleep(30 * time.Second)
				c.Notify("notifications/progress", nil)
			}
		}, maxPatience*time.Minute + 30*time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				over := make(chan time.Duration, 1)
				p := newPatience(&slow{}, time.Minute, func() { over <- time.Since(began) })
				defer p.end()
				tt.does(p)
				if got := <-over; got != tt.want {
					t.Errorf("given up after %v, want %v", got, tt.want)
				}
			})
		})
	}
}

func TestPatienceIsOfOneClient(t *testing.T) {
	s := &slow{}
	a, b := newPatience(s, time.Hour, func() {}), newPatience(s, time.Hour, func() {})
	defer a.end()
	defer b.end()
	if call.PeerOf(a) != call.PeerOf(b) {
		t.Error("two requests of one client are of two")
	}
}
