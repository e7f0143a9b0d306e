package machine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func on(index int, kind string, prefixes ...string) link {
	l := link{index: index, up: true, kind: kind}
	for _, p := range prefixes {
		l.prefixes = append(l.prefixes, netip.MustParsePrefix(p))
	}
	return l
}

func off(l link) link         { l.up = false; return l }
func port(l link, m int) link { l.master = m; return l }

func TestWaysOut(t *testing.T) {
	lo := link{index: 1, up: true, loopback: true, prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("10.1.1.1/32")}}
	for name, test := range map[string]struct {
		links []link
		over  []int // interfaces of default routes
		want  []string
	}{
		"nothing":                        {},
		"loopback alone":                 {links: []link{lo}},
		"Wi-Fi":                          {links: []link{lo, on(2, "", "192.168.1.7/24", "fe80::1/64", "2001:db8::7/64")}, want: []string{"2 192.168.1.0/24", "2 2001:db8::/64"}},
		"two addresses in one network":   {links: []link{on(2, "", "2001:db8::7/64", "2001:db8::8/64")}, want: []string{"2 2001:db8::/64"}},
		"unique local addresses":         {links: []link{on(2, "", "fd00:1::7/64")}, want: []string{"2 fd00:1::/64"}},
		"cable with no carrier":          {links: []link{lo, off(on(2, "", "192.168.1.7/24"))}},
		"link-local alone":               {links: []link{lo, on(2, "", "169.254.3.4/16", "fe80::1/64")}},
		"no address":                     {links: []link{lo, on(2, "")}},
		"offline network, no gateway":    {links: []link{lo, on(2, "", "10.0.0.2/8")}, want: []string{"2 10.0.0.0/8"}},
		"in a container":                 {links: []link{lo, on(2, "veth", "172.17.0.2/16")}, over: []int{2}, want: []string{"2 172.17.0.0/16"}},
		"in a rootless container":        {links: []link{lo, on(2, "tun", "10.0.2.100/24")}, over: []int{2}, want: []string{"2 10.0.2.0/24"}},
		"containers, but no network":     {links: []link{lo, on(3, "bridge", "172.17.0.1/16"), port(on(4, "veth", "fe80::2/64"), 3)}},
		"virtual machines, no network":   {links: []link{lo, on(3, "bridge", "192.168.122.1/24"), port(on(4, "tun", "fe80::2/64"), 3)}},
		"containers and Wi-Fi":           {links: []link{on(2, "", "192.168.1.7/24"), on(3, "bridge", "172.17.0.1/16")}, want: []string{"2 192.168.1.0/24"}},
		"near end of a container":        {links: []link{on(2, "", "192.168.1.7/24"), on(3, "veth", "10.0.3.1/28")}, want: []string{"2 192.168.1.0/24"}},
		"overlays and VPN":               {links: []link{on(2, "", "192.168.1.7/24"), on(3, "vxlan", "10.42.0.0/32"), on(4, "dummy", "10.1.0.1/32"), on(5, "tun", "10.8.0.2/24")}, want: []string{"2 192.168.1.0/24", "5 10.8.0.0/24"}},
		"VPN in a container":             {links: []link{on(2, "veth", "172.17.0.2/16"), on(5, "wireguard", "10.8.0.2/24")}, want: []string{"2 172.17.0.0/16", "5 10.8.0.0/24"}},
		"bridge over a card":             {links: []link{lo, on(3, "bridge", "192.168.1.7/24"), port(on(2, ""), 3)}, want: []string{"3 192.168.1.0/24"}},
		"bridge over a card that is off": {links: []link{lo, on(3, "bridge", "192.168.1.7/24"), port(off(on(2, "")), 3), port(on(4, "veth"), 3)}},
		"VPN over Wi-Fi":                 {links: []link{on(2, "", "192.168.1.7/24"), on(5, "wireguard", "10.8.0.2/24")}, want: []string{"2 192.168.1.0/24", "5 10.8.0.0/24"}},
		"VPN over nothing":               {links: []link{lo, off(on(2, "")), on(5, "wireguard", "10.8.0.2/24"), on(6, "tun", "100.100.1.1/32")}},
		"mobile broadband":               {links: []link{lo, on(7, "ppp", "100.64.3.2/32")}, want: []string{"7 100.64.3.2/32"}},
		"bond":                           {links: []link{lo, on(7, "bond", "10.0.0.2/24"), port(on(2, ""), 7)}, want: []string{"7 10.0.0.0/24"}},
	} {
		t.Run(name, func(t *testing.T) {
			asked := false
			var got []string
			for _, w := range waysOut(test.links, func() []int { asked = true; return test.over }) {
				got = append(got, fmt.Sprintf("%d %v", w.index, w.network))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("waysOut = %q, want %q", got, test.want)
			}
			if asked && len(got) > 0 && len(test.over) == 0 {
				t.Error("the routes were read for nothing")
			}
		})
	}
}

// A scene is a network in a bubble.
type scene struct {
	t       *testing.T
	start   time.Time
	changed chan struct{}
	reads   int

	mu   sync.Mutex // guards what follows
	ways []way
	err  error
	got  []string
}

func (s *scene) read() ([]way, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return slices.Clone(s.ways), s.err
}

// set gives the machine networks, named by the index of their interface.
func (s *scene) set(err error, networks ...int) {
	s.mu.Lock()
	s.ways, s.err = nil, err
	for _, n := range networks {
		s.ways = append(s.ways, way{index: n})
	}
	s.mu.Unlock()
	s.changed <- struct{}{}
	synctest.Wait()
}

// want waits and compares what was told since the last want.
func (s *scene) want(wait time.Duration, want ...string) {
	s.t.Helper()
	time.Sleep(wait)
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.got, want) {
		s.t.Errorf("told %q, want %q", s.got, want)
	}
	s.got, s.start = nil, time.Now()
}

func play(t *testing.T, poll func(bool) time.Duration, first []int, f func(s *scene)) {
	synctest.Test(t, func(t *testing.T) {
		s := &scene{t: t, start: time.Now(), changed: make(chan struct{})}
		for _, n := range first {
			s.ways = append(s.ways, way{index: n})
		}
		ctx, cancel := context.WithCancel(t.Context())
		n := &network{read: s.read, poll: poll, tell: func(_ context.Context, k Kind) bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.got = append(s.got, fmt.Sprintf("+%v %v", time.Since(s.start), k))
			return true
		}}
		var wg sync.WaitGroup
		wg.Go(func() { n.run(ctx, s.changed) })
		f(s)
		cancel()
		wg.Wait()
	})
}

func TestNetworkIsToldOnceSettled(t *testing.T) {
	play(t, nil, []int{2}, func(s *scene) {
		s.want(0, "+0s network back")
		s.want(time.Hour)
		s.set(nil)
		s.want(time.Hour, "+2s network lost")
		s.set(nil)
		s.want(time.Hour)
		s.set(nil, 2)
		s.want(time.Hour, "+500ms network back")
		s.set(nil, 2)
		s.want(time.Hour)
	})
	play(t, nil, nil, func(s *scene) { // nothing at the start is told at once too
		s.want(time.Hour, "+0s network lost")
		s.set(nil, 2)
		s.want(time.Hour, "+500ms network back")
	})
}

func TestShortLossIsANewNetwork(t *testing.T) {
	play(t, nil, []int{2}, func(s *scene) {
		s.want(0, "+0s network back")
		s.set(nil)
		s.want(1900 * time.Millisecond)
		s.set(nil, 2) // perhaps another Wi-Fi with the same addresses
		s.want(time.Hour, "+500ms network added")
		for range 10 { // a contact that is loose
			s.set(nil)
			time.Sleep(time.Second)
			s.set(nil, 2)
			time.Sleep(400 * time.Millisecond)
		}
		s.want(0)
		s.want(time.Hour, "+100ms network added")
	})
}

func TestAnotherNetworkIsTold(t *testing.T) {
	play(t, nil, []int{2}, func(s *scene) {
		s.want(0, "+0s network back")
		s.set(nil, 2, 5) // a VPN
		for range 4 {    // more comes with it; told all the same
			time.Sleep(100 * time.Millisecond)
			s.set(nil, 2, 5)
		}
		s.want(time.Hour, "+500ms network added")
		s.set(nil, 2)
		s.want(time.Hour)
		s.set(nil, 2, 5)
		s.want(time.Hour, "+500ms network added")
		s.set(nil, 6) // a cable in place of the rest
		s.want(time.Hour, "+500ms network added")
	})
}

func TestUnreadableNetworkIsNotLost(t *testing.T) {
	broken := errors.New("not allowed")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		n := &network{read: func() ([]way, error) { return nil, broken }, tell: func(_ context.Context, k Kind) bool {
			t.Errorf("told %v", k)
			return true
		}}
		n.run(ctx, nil)
	})
	play(t, nil, []int{2}, func(s *scene) {
		s.want(0, "+0s network back")
		s.set(broken)
		s.want(time.Hour)
		s.set(nil)
		s.want(time.Hour, "+2s network lost")
		s.set(broken) // who waits must not wait for ever
		s.want(time.Hour, "+500ms network back")
		s.set(broken)
		s.want(time.Hour)
	})
}

// TestIdleReadsNothing: without a message or a poll nothing wakes up.
func TestIdleReadsNothing(t *testing.T) {
	play(t, nil, []int{2}, func(s *scene) {
		s.want(1000*time.Hour, "+0s network back")
		if s.reads != 1 {
			t.Errorf("%d looks at the network", s.reads)
		}
	})
	poll := func(gone bool) time.Duration {
		if gone {
			return 5 * time.Second
		}
		return 30 * time.Second
	}
	play(t, poll, []int{2}, func(s *scene) {
		s.want(time.Hour+time.Second, "+0s network back")
		if s.reads != 121 {
			t.Errorf("%d looks at the network", s.reads)
		}
		s.mu.Lock()
		s.ways = nil // and nobody says so
		s.mu.Unlock()
		s.want(time.Minute, "+31s network lost")
		s.mu.Lock()
		s.ways = []way{{index: 3}}
		s.mu.Unlock()
		s.want(time.Minute, "+1.5s network back")
	})
}
