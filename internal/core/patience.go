package core

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"mcpproxy-tray/internal/core/call"
)

// A patience is how long a request may still take: it begins anew whenever the server
// tells of progress, and does not run while the client answers a question of the
// server. It is the client, to whom both go.
type patience struct {
	call.Client
	limit time.Duration
	began time.Time

	mu    sync.Mutex  // guards the fields below
	timer *time.Timer // calls the function that ends the request
	asked int         // questions that are not answered yet
	over  bool        // the request has ended
}

// maxPatience is how many times its limit a request may take that tells of progress.
// "Implementations SHOULD always enforce a maximum timeout, regardless of progress
// notifications" [2025-11-25, lifecycle]
const maxPatience = 100

// newPatience calls giveUp when the time is up. The caller must call end.
func newPatience(from call.Client, limit time.Duration, giveUp func()) *patience {
	p := &patience{Client: from, limit: limit, began: time.Now()}
	p.mu.Lock() // the timer may be quick
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(limit, func() {
		p.mu.Lock()
		waits := p.asked > 0
		p.mu.Unlock()
		if !waits {
			giveUp()
		}
	})
	return p
}

// Unwrap returns the client itself.
func (p *patience) Unwrap() call.Client { return p.Client }

// Notify implements call.Client.
func (p *patience) Notify(method string, params json.RawMessage) {
	if method == "notifications/progress" && time.Since(p.began) < maxPatience*p.limit {
		p.renew(0)
	}
	p.Client.Notify(method, params)
}

// Ask implements call.Client.
func (p *patience) Ask(ctx context.Context, method string, params json.RawMessage) (result, rpcErr json.RawMessage, err error) {
	p.renew(1)
	defer p.renew(-1)
	return p.Client.Ask(ctx, method, params)
}

// renew lets the time begin anew, with so many questions more.
func (p *patience) renew(questions int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked += questions
	switch {
	case p.over:
	case p.asked > 0:
		p.timer.Stop()
	default:
		p.timer.Reset(p.limit)
	}
}

func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.timer.Stop()
}
