package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
)

// A scope says which token opens a route.
type scope uint8

const (
	scopeOpen   scope = iota // none: the answer tells nothing
	scopeClient              // the token of AI clients, or the admin token
	scopeAdmin               // the admin token
	scopePage                // the admin token, or the cookie of a browser that was let in
)

// A door is the checks that come before each request's handler and body.
type door struct {
	hosts         []string
	client, admin *[sha256.Size]byte // nil opens nothing
	mcpOpen       func() bool
}

func newDoor(o Options) door {
	_, port, _ := net.SplitHostPort(o.Addr.String())
	d := door{client: digest(o.Tokens.Client), admin: digest(o.Tokens.Admin), mcpOpen: o.MCPOpen}
	for _, host := range []string{"127.0.0.1", "[::1]", "localhost"} {
		d.hosts = append(d.hosts, host+":"+port)
		if port == "80" {
			d.hosts = append(d.hosts, host) // clients leave a scheme's own port out
		}
	}
	return d
}

func digest(token string) *[sha256.Size]byte {
	if token == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(token))
	return &sum
}

// check refuses what a web page can cause in its user's browser: a foreign
// Host (DNS rebinding), a foreign Origin, a cross-site fetch. It reads no body.
func (d door) check(r *http.Request) *apiError {
	// An absolute-form target brings a host of its own, which only proxies need.
	if !slices.Contains(d.hosts, r.Host) || !strings.HasPrefix(r.RequestURI, "/") {
		return errHost
	}
	if origin := r.Header.Values("Origin"); len(origin) > 1 || len(origin) == 1 && origin[0] != "http://"+r.Host {
		return errOrigin
	}
	if site := r.Header.Values("Sec-Fetch-Site"); len(site) > 1 || len(site) == 1 && site[0] != "same-origin" && site[0] != "none" {
		return errOrigin
	}
	for key := range r.URL.Query() {
		if slices.Contains([]string{"token", "access_token", "admin_token", "api_key", "apikey", "authorization"}, strings.ToLower(key)) {
			return errURLToken
		}
	}
	// The mux would answer other spellings of a path with a redirect.
	clean := path.Clean(r.URL.Path)
	if clean != "/" && strings.HasSuffix(r.URL.Path, "/") {
		clean += "/"
	}
	if clean != r.URL.Path {
		return errNoRoute
	}
	return nil
}

// authorize checks the request's token against the scope of its route.
func (d door) authorize(r *http.Request, want scope) *apiError {
	if want == scopeOpen || want == scopeClient && d.mcpOpen != nil && d.mcpOpen() {
		return nil
	}
	header := r.Header.Values("Authorization")
	if len(header) == 0 {
		return errNoToken
	}
	scheme, token, _ := strings.Cut(header[0], " ")
	if len(header) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return errWrongToken
	}
	sum := sha256.Sum256([]byte(token))
	switch admin, client := equal(&sum, d.admin), equal(&sum, d.client); {
	case admin, client && want == scopeClient:
		return nil
	case client:
		return errScope
	}
	return errWrongToken
}

// equal compares in constant time; nil equals nothing.
func equal(got, want *[sha256.Size]byte) bool {
	return want != nil && subtle.ConstantTimeCompare(got[:], want[:]) == 1
}
