package notify

import (
	"slices"
	"time"
)

// Settings says when the user is notified. A delay of 0 means at once.
type Settings struct {
	Off          bool          // nothing but what Notifier.Show is asked for
	MinUp        time.Duration // a server must have been up this long before its loss is news; default 30s
	DownAfter    time.Duration // and must stay down this long; default 10s
	Group        time.Duration // news of one kind within this time become one notification; default 5s
	NeedAfter    time.Duration // a server must need the user this long, within the time above; default 2s
	Silent       []string      // kinds that nothing is said of, of Kinds
	StartupQuiet time.Duration // silence after start and wake-up, then at most one summary; default 60s
	FlapDowns    int           // so many losses within FlapWindow make a server unstable; 0 means never; default 3
	FlapWindow   time.Duration // default 10m
	FlapMute     time.Duration // silence about a server after it was called unstable; default 30m
}

// DefaultSettings returns the defaults.
func DefaultSettings() Settings {
	return Settings{
		MinUp: 30 * time.Second, DownAfter: 10 * time.Second, Group: 5 * time.Second, NeedAfter: 2 * time.Second, StartupQuiet: time.Minute,
		FlapDowns: 3, FlapWindow: 10 * time.Minute, FlapMute: 30 * time.Minute,
	}
}

// recovered is the kind of a note that takes the place of one that was told.
const recovered = "recovered"

var kindNames = [numKinds]string{
	kindDown: "down", kindUnstable: "unstable", kindApprove: "approval", kindSignIn: "sign_in",
	kindNetwork: "network", kindCrash: "crash", kindReview: "review",
}

// Kinds returns the names of all kinds of news, sorted.
func Kinds() []string {
	names := append(slices.Clone(kindNames[:]), recovered, asking)
	slices.Sort(names)
	return names
}

func (s *Settings) tells(k kind) bool { return s.says(kindNames[k]) }

func (s *Settings) says(name string) bool { return !slices.Contains(s.Silent, name) }
