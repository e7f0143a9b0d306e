//go:build unix

package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

func status(_ *server, r *request, value string) bool {
	if r.web == nil {
		return false
	}
	code, header, _ := strings.Cut(value, ",")
	if name, content, ok := strings.Cut(header, ":"); ok {
		r.web.w.Header().Set(strings.TrimSpace(name), strings.TrimSpace(content))
	}
	http.Error(r.web.w, "as asked", number(code))
	return true
}

func page(_ *server, r *request, _ string) bool {
	if r.web == nil {
		return false
	}
	r.web.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(r.web.w, "<!doctype html><title>Welcome</title><p>Please sign in to the network.")
	return true
}

func redirect(_ *server, r *request, value string) bool {
	if r.web == nil {
		return false
	}
	http.Redirect(r.web.w, r.web.r, value, http.StatusTemporaryRedirect)
	return true
}

// raw hands out the connection; nil if there is none.
func (x *exchange) raw() net.Conn {
	if x == nil {
		return nil
	}
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		return nil
	}
	return conn
}

// full is the answer with its HTTP headers.
func (s *server) full(r *request) string {
	body := s.respond(r).encode(string(r.ID))
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func cut(s *server, r *request, value string) bool {
	conn := r.web.raw()
	if conn == nil {
		return false
	}
	defer conn.Close()
	text := s.full(r)
	head := strings.Index(text, "\r\n\r\n") + 4
	_, _ = io.WriteString(conn, text[:min(len(text)-1, head+number(value))])
	return true
}

func reset(_ *server, r *request, _ string) bool {
	conn := r.web.raw()
	if conn == nil {
		return false
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
	return true
}

func drip(s *server, r *request, value string) bool {
	conn := r.web.raw()
	if conn == nil {
		return false
	}
	defer conn.Close()
	for _, b := range []byte(s.full(r)) {
		if _, err := conn.Write([]byte{b}); err != nil {
			break
		}
		time.Sleep(duration(value))
	}
	return true
}

func bigHeaders(_ *server, r *request, value string) bool {
	if r.web == nil {
		return false
	}
	r.web.w.Header().Set("X-Big", strings.Repeat("b", number(value)))
	return false
}

func endless(_ *server, r *request, _ string) bool {
	if r.web == nil {
		return false
	}
	r.web.w.Header().Set("Content-Type", "application/json")
	for chunk := []byte(strings.Repeat(" ", 64<<10)); ; {
		if _, err := r.web.w.Write(chunk); err != nil {
			return true
		}
	}
}

func bomb(_ *server, r *request, value string) bool {
	if r.web == nil {
		return false
	}
	r.web.w.Header().Set("Content-Type", "application/json")
	r.web.w.Header().Set("Content-Encoding", "gzip")
	z, _ := gzip.NewWriterLevel(r.web.w, gzip.BestSpeed) // the level is a valid one
	fmt.Fprintf(z, `{"jsonrpc":"2.0","id":%s,"result":{"content":[],"pad":"`, r.ID)
	zeros := []byte(strings.Repeat("0", 1<<20))
	for left := number(value); left > 0; left -= len(zeros) {
		if _, err := z.Write(zeros[:min(left, len(zeros))]); err != nil {
			return true
		}
	}
	_, _ = io.WriteString(z, `"}}`)
	_ = z.Close()
	return true
}

func asEvents(_ *server, r *request, _ string) bool {
	if r.web != nil {
		r.web.events = true
	}
	return false
}

func forget(s *server, _ *request, _ string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
	close(s.cut)
	s.cut = make(chan struct{})
	return false
}

func flap(s *server, r *request, value string) bool {
	go func() {
		for {
			time.Sleep(part(value))
			s.mu.Lock()
			s.down = !s.down
			down := s.down
			s.mu.Unlock()
			if down {
				forget(s, r, "")
			}
		}
	}()
	return false
}
