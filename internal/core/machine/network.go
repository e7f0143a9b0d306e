package machine

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// Delays before a change of the network is told, for it to settle. A network that
// is back is told soon; one that is away for less is none: changing from one
// Wi-Fi to another takes about a second.
const (
	backAfter = 500 * time.Millisecond
	lostAfter = 2 * time.Second
)

// A link is a network interface, with what decides whether it leads anywhere.
type link struct {
	index    int
	up       bool // switched on, and with a carrier
	loopback bool
	kind     string // of virtual ones as Linux calls it, e.g. "bridge"; empty for others, and where not known
	master   int    // index of the bridge that it is a port of; 0 without
	prefixes []netip.Prefix
}

// A way is a network that an interface leads to.
type way struct {
	index   int
	network netip.Prefix
}

// Kinds of virtual interfaces that say nothing by themselves of a network. One counts
// if the default route goes over it and no other counts: it is then all that a
// container has. Beside others a tunnel is a VPN, and counts; what leads to this
// machine's own containers and virtual machines does not.
var (
	tunnels = []string{"tun", "wireguard", "gre", "gretap", "ip6gre", "ip6gretap", "ipip", "sit", "ip6tnl", "vti", "vti6", "xfrm"}
	inner   = []string{"dummy", "ifb", "vxlan", "geneve", "erspan", "ip6erspan", "vrf", "netkit"}
)

// waysOut returns the networks that links lead to beyond this machine. There are none
// without an interface that is up and has a global, private or unique local
// address: one that every interface gives itself, fe80::… or 169.254.…, does not
// count. defaults returns the interfaces of the default routes; it is called only
// if something depends on it.
func waysOut(links []link, defaults func() []int) (ways []way) {
	var pairs, vpns, others []link // others are what leads inwards
	for _, l := range links {
		switch {
		case !l.up || l.loopback:
		case l.kind == "veth": // in a container its network, otherwise the near end of a container's
			pairs = append(pairs, l)
		case slices.Contains(tunnels, l.kind):
			vpns = append(vpns, l)
		case slices.Contains(inner, l.kind), l.kind == "bridge" && !slices.ContainsFunc(links, func(p link) bool { return p.leadsOut(l.index) }):
			others = append(others, l)
		default:
			ways = l.appendWays(ways)
		}
	}
	if len(ways) == 0 {
		for _, l := range pairs {
			ways = l.appendWays(ways)
		}
	}
	if len(ways) > 0 {
		for _, l := range vpns {
			ways = l.appendWays(ways)
		}
		return ways
	}
	if unsure := slices.Concat(vpns, others); len(unsure) > 0 {
		over := defaults()
		for _, l := range unsure {
			if slices.Contains(over, l.index) {
				ways = l.appendWays(ways)
			}
		}
	}
	return ways
}

// leadsOut reports whether l is a port of the bridge at index that is not one of a
// container or virtual machine.
func (l *link) leadsOut(index int) bool {
	return l.master == index && l.up && l.kind != "veth" && !slices.Contains(tunnels, l.kind) && !slices.Contains(inner, l.kind)
}

func (l *link) appendWays(ways []way) []way {
	for _, p := range l.prefixes {
		if w := (way{l.index, p.Masked()}); p.Addr().IsGlobalUnicast() && !slices.Contains(ways, w) {
			ways = append(ways, w)
		}
	}
	return ways
}

// A network decides what to tell of the ways out. One goroutine uses it.
type network struct {
	read func() ([]way, error)                 // the ways there are now
	poll func(gone bool) time.Duration         // how often to look unasked; nil for never
	tell func(context.Context, Kind) (ok bool) // false: ctx is done

	told  bool  // anything was
	gone  bool  // NetworkLost was told last
	known []way // those of the last time that something was told that have not gone since
}

// run tells the state of the network now, and after each change, until ctx is done.
func (n *network) run(ctx context.Context, changed <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var pending Kind
	var due time.Time
	for first := true; ; first = false {
		next, ways := n.judge()
		now := time.Now()
		if next != pending {
			pending, due = next, now.Add(delay(next))
		}
		if pending != 0 && (first || !now.Before(due)) {
			if n.told, n.gone, n.known = true, pending == NetworkLost, ways; !n.tell(ctx, pending) {
				return
			}
			pending = 0
		}
		timer.Stop()
		if wait, ok := n.wait(pending, due.Sub(now)); ok {
			timer.Reset(wait)
		}
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// wait returns how long to sleep if nothing happens; ok is false for ever.
func (n *network) wait(pending Kind, rest time.Duration) (wait time.Duration, ok bool) {
	switch {
	case pending != 0:
		return rest, true
	case n.poll != nil:
		return n.poll(n.gone), true
	}
	return 0, false
}

// judge returns what would be told if everything stayed as it is, 0 for nothing.
// What cannot be read is not gone.
func (n *network) judge() (Kind, []way) {
	ways, err := n.read()
	if err != nil {
		if n.gone {
			return NetworkBack, nil
		}
		return 0, nil
	}
	n.known = slices.DeleteFunc(n.known, func(w way) bool { return !slices.Contains(ways, w) })
	switch {
	case len(ways) == 0 && !n.gone:
		return NetworkLost, nil
	case len(ways) > len(n.known) && (n.gone || !n.told):
		return NetworkBack, ways
	case len(ways) > len(n.known):
		return NetworkAdded, ways
	}
	return 0, nil
}

func delay(k Kind) time.Duration {
	if k == NetworkLost {
		return lostAfter
	}
	return backAfter
}
