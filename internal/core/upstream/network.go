package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

// maxHeaderBytes bounds the headers of a response.
const maxHeaderBytes = 1 << 20

// maxRedirects is enough for a server that moved its path.
const maxRedirects = 3

// httpClient returns a client for one session.
func (c *Connector) httpClient() *http.Client {
	rt := c.Transport
	if rt == nil {
		rt = newTransport()
	}
	return &http.Client{Transport: rt, CheckRedirect: sameOrigin}
}

// A peer that has vanished without a word is noticed within these, whether
// something is on its way to it or not: 45 s for HTTP/1, 30 s for HTTP/2.
const (
	keepIdle     = 15 * time.Second
	keepInterval = 9 * time.Second
	keepCount    = 3
	unackedTime  = keepIdle + keepCount*keepInterval
)

func newTransport() *http.Transport {
	dialer := &net.Dialer{
		Timeout:         10 * time.Second,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepIdle, Interval: keepInterval, Count: keepCount},
		Control:         limitUnacked,
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: keepIdle, PingTimeout: keepIdle},
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
	}
}

// sameOrigin follows a redirect only within the server we were told to contact,
// so that no header of the configuration ever reaches another one.
func sameOrigin(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > maxRedirects || req.URL.Scheme != first.URL.Scheme || req.URL.Host != first.URL.Host || req.Method != first.Method {
		return &redirected{to: req.URL.Scheme + "://" + req.URL.Host + req.URL.EscapedPath()}
	}
	return nil
}

// redirected is a redirect that was not followed.
type redirected struct{ to string }

func (r *redirected) Error() string { return "redirect to " + r.to + " not followed" }

// netProblem words a request that got no response.
func netProblem(u *url.URL, err error, hide secrets) error {
	host := u.Host
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err // the outer one repeats the address, which may hold a secret
	}
	if r, ok := errors.AsType[*redirected](err); ok {
		return pRedirect.with(hide.show(r.to, 200)).because(err)
	}
	if entry := tlsProblem(err); entry != nil {
		return entry.with(host).because(err)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return pDNS.with(dns.Name).because(err)
	}
	var recordErr tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &recordErr), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return pTLS.with(host, plain(err)).because(err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return pRefused.with(host).because(err)
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return pUnreachable.with(host).because(err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return pNetTimeout.with(host).because(err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return pCut.with(host).because(err)
	case strings.Contains(err.Error(), "client connection lost"): // the library's error has no type, as the next ones
		return pCut.with(host).because(err)
	case strings.Contains(err.Error(), "response headers exceeded"):
		return pNotMCP.with("headers of more than 1 MB").because(err)
	case strings.Contains(err.Error(), "malformed HTTP"):
		return pNotMCP.with("no HTTP").because(err)
	case u.Scheme == "https" && isTLSText(err):
		return pTLS.with(host, plain(err)).because(err)
	default:
		return pUnreachable.with(host).because(err)
	}
}

// hostOf returns the host of an address, which is all of it that people need to see.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the server"
	}
	return u.Host
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}

// tlsProblem names the check of a certificate that failed; nil if none did.
func tlsProblem(err error) *Entry {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return pTLSExpired
		}
		return pTLSUnknown
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return pTLSHost
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return pTLSUnknown
	}
	return nil
}

// isTLSText recognises the handshake errors that have no type.
func isTLSText(err error) bool {
	text := plain(err)
	return len(text) > 4 && (text[:4] == "tls:" || text[:4] == "remo")
}
