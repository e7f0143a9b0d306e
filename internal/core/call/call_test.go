package call

import (
	"testing"
)

type stub struct {
	Client
	name string
}

type peer struct {
	Client
	of string
}

func (m peer) Peer() any { return m.of }

type wrapped struct{ Client }

func (w *wrapped) Unwrap() Client { return w.Client }

func TestPeerOf(t *testing.T) {
	a, b := &stub{name: "a"}, &stub{name: "a"}
	for _, tt := range []struct {
		name string
		a, b Client
		want bool
	}{
		{"itself", a, a, true},
		{"another like it", a, b, false},
		{"in two wraps", &wrapped{a}, &wrapped{&wrapped{a}}, true},
		{"others in wraps", &wrapped{a}, &wrapped{b}, false},
		{"one peer", &peer{of: "x"}, &wrapped{&peer{of: "x"}}, true},
		{"two peers", &peer{of: "x"}, &peer{of: "y"}, false},
		{"nobody", nil, a, false},
	} {
		if got := PeerOf(tt.a) == PeerOf(tt.b); got != tt.want {
			t.Errorf("%s: same peer = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestWishEqual(t *testing.T) {
	w := Wish{Resources: []string{"a", "b"}, LogLevel: "info"}
	if !w.Equal(Wish{Resources: []string{"a", "b"}, LogLevel: "info"}) || !(Wish{}).Equal(Wish{Resources: []string{}}) {
		t.Error("wishes for the same are not equal")
	}
	if w.Equal(Wish{Resources: []string{"a"}, LogLevel: "info"}) || w.Equal(Wish{Resources: []string{"a", "b"}}) {
		t.Error("different wishes are equal")
	}
}
