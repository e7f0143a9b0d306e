package supervisor

import (
	"net/netip"
	"net/url"
	"strings"

	"mcpproxy-tray/internal/core/config"
)

// A place is where a server runs.
type place uint8

// The places. A sleep or a lost network of this machine cuts off remote ones alone.
const (
	child  place = iota // started by us
	local               // at a loopback address
	remote              // at any other address
)

func placeOf(srv config.Server) place {
	if srv.URL == "" {
		return child
	}
	u, err := url.Parse(srv.URL)
	if err != nil {
		return remote
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return local
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsLoopback() {
		return local
	}
	return remote
}
