package machine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// clocks are a fake of the pair that asleep compares.
type clocks struct{ slept time.Duration }

func (c *clocks) asleep() time.Duration { return c.slept }

// TestOneEventForEachSleep: steps are what the witnesses say: "true" and "false"
// logind, "look" the timer, and a duration sleep itself.
func TestOneEventForEachSleep(t *testing.T) {
	for name, test := range map[string]struct{ steps, want []string }{
		"both, the timer first":    {[]string{"true", "1h", "look", "false"}, []string{"slept", "woke after 1h0m0s"}},
		"both, logind first":       {[]string{"true", "1h", "false", "look"}, []string{"slept", "woke after 1h0m0s"}},
		"the timer twice":          {[]string{"true", "look", "1h", "look", "look", "false"}, []string{"slept", "woke after 1h0m0s"}},
		"logind alone":             {[]string{"true", "72h", "false"}, []string{"slept", "woke after 72h0m0s"}},
		"the timer alone":          {[]string{"6s", "look"}, []string{"woke after 6s"}},
		"only the end announced":   {[]string{"1h", "false"}, []string{"woke after 1h0m0s"}},
		"announced but not done":   {[]string{"true", "false"}, []string{"slept", "woke after 0s"}},
		"announced twice":          {[]string{"true", "true", "false", "false"}, []string{"slept", "woke after 0s"}},
		"short and announced":      {[]string{"true", "2s", "look", "false"}, []string{"slept", "woke after 2s"}},
		"short":                    {[]string{"2s", "look"}, nil},
		"short ones add up":        {[]string{"3s", "look", "3s", "look"}, []string{"woke after 6s"}},
		"the wall clock was set":   {[]string{"look", "look"}, nil},
		"logind says it is awake":  {[]string{"false", "look", "false"}, nil},
		"twice":                    {[]string{"true", "1h", "look", "false", "true", "2h", "false", "look"}, []string{"slept", "woke after 1h0m0s", "slept", "woke after 2h0m0s"}},
		"the first not told of":    {[]string{"1h", "true", "2h", "false"}, []string{"slept", "woke after 2h0m0s"}},
		"logind left before sleep": {[]string{"true", "false", "1h", "look"}, []string{"slept", "woke after 0s", "woke after 1h0m0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &clocks{slept: time.Hour} // before we were started
			s := newSleeper(c.asleep)
			var got []string
			for _, step := range test.steps {
				var e Event
				switch step {
				case "true", "false":
					e = s.prepares(step == "true")
				case "look":
					e = s.compare()
				default:
					d, err := time.ParseDuration(step)
					if err != nil {
						t.Fatal(err)
					}
					c.slept += d
				}
				switch e.Kind {
				case Woke:
					got = append(got, fmt.Sprintf("%v after %v", e.Kind, e.Asleep))
				case 0:
				default:
					got = append(got, e.Kind.String())
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("told %q, want %q", got, test.want)
			}
		})
	}
}

// TestJoinPassesOnEverything: events come one at a time, with the time at which
// they were noticed, and join ends with its context while somebody sends.
func TestJoinPassesOnEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		in := inputs{preparing: make(chan bool), clock: make(chan struct{}), network: make(chan Kind)}
		var slept atomic.Int64
		start := time.Now()
		var got []string
		var wg sync.WaitGroup
		wg.Go(func() {
			in.join(ctx, newSleeper(func() time.Duration { return time.Duration(slept.Load()) }), func(e Event) {
				got = append(got, fmt.Sprintf("+%v %v", e.At.Sub(start), e.Kind))
				time.Sleep(time.Second) // slow, and waited for
			})
		})
		in.network <- NetworkBack
		in.preparing <- true
		slept.Store(int64(time.Minute))
		in.clock <- struct{}{}
		in.preparing <- false
		in.network <- NetworkLost
		cancel()
		if send(ctx, in.network, NetworkBack) {
			t.Error("join took something after its end")
		}
		wg.Wait()
		if want := []string{"+0s network back", "+1s slept", "+2s woke", "+3s network lost"}; !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

func TestSlowCheckLooksEveryMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		moved := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { checkSlowly(ctx, moved) })
		start := time.Now()
		for range 3 {
			<-moved
		}
		if d := time.Since(start); d != 3*slowCheck {
			t.Errorf("three looks took %v", d)
		}
		time.Sleep(slowCheck) // it now waits for somebody to take the fourth
		cancel()
		wg.Wait()
	})
}
