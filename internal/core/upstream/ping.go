package upstream

import (
	"context"
	"fmt"

	"mcpproxy-tray/internal/core/call"
)

// methodPing asks a server of the older eras whether it is there.
const methodPing = "ping"

// Ping asks the server whether it is there, and returns nil if it said anything
// at all before ctx ended: an answer, a refusal, or a message about something
// else. A remote server's failure of its own (HTTP 5xx) does not count.
func (s *Session) Ping(ctx context.Context) error {
	before := s.wire.received.Load()
	_, _, err := s.Request(ctx, call.Request{Method: s.pingMethod()})
	switch {
	case err == nil, isRefusal(err), hasEntry(err, pTooLarge, pTooDeep, pForbidden, pTooMany):
		return nil
	case ctx.Err() != nil && s.wire.received.Load() != before:
		return nil // busy, and not heeding pings while it is
	}
	return fmt.Errorf("ping: %w", err)
}

// pingMethod returns the cheapest request that a server of the session's
// revision must answer: 2026-07-28 removed ping, and has every server answer
// server/discover.
func (s *Session) pingMethod() string {
	if s.protocol >= firstModern {
		return methodDiscover
	}
	return methodPing
}
