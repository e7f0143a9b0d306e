package upstream

import (
	"context"
	"net/http"
	"net/url"

	"mcpproxy-tray/internal/core/config"
)

// openSSE opens a session over the transport of 2024-11-05: one stream on which
// everything comes from the server, and an address to post to, which the
// stream's first event names.
func (c *Connector) openSSE(ctx context.Context, srv config.Server, hide secrets) (*Session, error) {
	s := c.newSession(ctx, srv, "sse", hide)
	r, err := c.newRemote(srv, s.wire)
	if err != nil {
		s.wire.end(err)
		return nil, err
	}
	r.old = true
	s.remote = r
	if err := r.attach(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		s.wire.end(err)
		s.Close()
		return nil, err
	}
	if err := c.greet(ctx, s, srv); err != nil {
		return nil, err
	}
	r.settle(s.Ping)
	return s, nil
}

// attach opens the stream and waits for the address to post to.
func (r *remote) attach(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { r.wire.end(context.Cause(ctx)) })
	defer stop()
	resp, err := r.openStream(r.wire.life, "")
	if err != nil {
		return err
	}
	closeBody := context.AfterFunc(r.wire.life, func() { resp.Body.Close() })
	found := make(chan error, 1)
	r.streams.Go(func() {
		defer closeBody()
		defer resp.Body.Close()
		r.readStream(resp, found)
	})
	return <-found
}

// readStream delivers what the server says until it ends, which ends the session.
func (r *remote) readStream(resp *http.Response, found chan<- error) {
	base := r.endpoint
	attached := false
	err := newEventReader(resp.Body, r.maxBytes).each(func(e event) bool {
		switch {
		case e.name == "endpoint" && !attached:
			u, err := base.Parse(string(e.data))
			if err == nil {
				err = checkEndpoint(base, u)
			}
			if err != nil {
				found <- err
				return false
			}
			attached = true
			r.endpoint = u
			found <- nil
		case attached:
			if _, err := r.wire.deliver(e.data, true); err != nil {
				r.wire.log.Warn("event that is no message", "err", err)
			}
		}
		return true
	})
	why := r.cutProblem(r.wire.life, err)
	if !attached {
		select {
		case found <- pNotMCP.with("a stream without an address").because(err):
		default: // refused above
		}
	} else if hasEntry(why, pNoAnswer) {
		why = pCut.with(base.Host).because(err)
	}
	r.wire.end(why)
}

// checkEndpoint makes sure that the configuration's headers go to nobody else.
func checkEndpoint(base, u *url.URL) error {
	if u.Scheme != base.Scheme || u.Host != base.Host {
		return pRedirect.with(clean(u.Scheme+"://"+u.Host+u.EscapedPath(), 200))
	}
	return nil
}
