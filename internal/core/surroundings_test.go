package core

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"mcpproxy-tray/internal/core/machine"
)

// A listener records what the servers are told.
type listener []string

func (l *listener) Woke()           { *l = append(*l, "woke") }
func (l *listener) Network(up bool) { *l = append(*l, fmt.Sprint("network ", up)) }
func (l *listener) NetworkAdded()   { *l = append(*l, "network added") }

// TestOnlyALostNetworkComesBack: one that was not away, or one more, is no reason to
// give anybody a clean record.
func TestOnlyALostNetworkComesBack(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, "")
	}
	var told listener
	s := surroundings{log: slog.New(slog.DiscardHandler), servers: &told, woke: func() { told = append(told, "notifier") }}
	for _, kind := range []machine.Kind{machine.NetworkBack, machine.NetworkAdded, machine.NetworkLost,
		machine.NetworkBack, machine.NetworkAdded, machine.NetworkAdded, machine.Slept, machine.Woke} {
		s.happened(machine.Event{Kind: kind})
	}
	if want := (listener{"network added", "network false", "network true", "network added", "network added", "notifier", "woke"}); !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
