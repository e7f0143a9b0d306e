package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"mcpproxy-tray/internal/core/metrics"
	"mcpproxy-tray/internal/core/supervisor"
)

func TestEndingOfACall(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	late := &callTimeoutError{"a", time.Second}
	for _, c := range []struct {
		name    string
		ctx     context.Context
		refused bool
		rpcErr  string
		err     error
		want    metrics.Result
	}{
		{"result", t.Context(), false, "", nil, metrics.OK},
		{"result for a client that has gone", gone, false, "", nil, metrics.OK},
		{"error", t.Context(), false, `{}`, nil, metrics.Refused},
		{"paused", t.Context(), false, "", pausedError{}, metrics.Unsent},
		{"not connected", t.Context(), false, "", fmt.Errorf("request: %w", &supervisor.StateError{}), metrics.Unsent},
		{"no such server", t.Context(), false, "", fmt.Errorf("request: %w", supervisor.ErrUnknownServer), metrics.Unsent},
		{"another tool by now", t.Context(), true, "", errors.New("held back"), metrics.Unsent},
		{"late", t.Context(), false, "", fmt.Errorf("%w: %w", late, context.Canceled), metrics.TimedOut},
		{"client went", gone, false, "", context.Canceled, metrics.Cancelled},
		{"connection broke", t.Context(), false, "", errors.New("EOF"), metrics.Broken},
	} {
		var rpcErr json.RawMessage
		if c.rpcErr != "" {
			rpcErr = json.RawMessage(c.rpcErr)
		}
		if got := ending(c.ctx, c.refused, rpcErr, c.err); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
