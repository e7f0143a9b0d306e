package supervisor

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/stateview"
)

func TestOfferIsPublishedWithTheTools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		first := stateview.Offer{Info: `{"name":"a"}`, Prompts: stateview.NewItemList([]stateview.Item{{Key: "p", Definition: "{}"}})}
		r.fake.set("a", fakeServer{list: time.Second, tools: tools("x"), offer: first})
		r.apply(false, stdio("a"))
		if st := r.want("a", stateview.Connecting); !st.Offer().Equal(stateview.Offer{}) {
			t.Errorf("offer %+v before it was listed", st.Offer())
		}
		time.Sleep(2 * time.Second)
		if st := r.want("a", stateview.Connected); !st.Offer().Equal(first) || st.Tools.Len() != 1 {
			t.Errorf("offer %+v, want %+v", st.Offer(), first)
		}
		seq := r.StateView().Snapshot().Seq()
		r.fake.session("a").change()
		time.Sleep(time.Minute)
		synctest.Wait()
		if now := r.StateView().Snapshot().Seq(); now != seq {
			t.Errorf("snapshot %d after %d, though nothing changed", now, seq)
		}
		second := first
		second.Prompts = stateview.ItemList{}
		r.fake.set("a", fakeServer{tools: tools("x"), offer: second})
		r.fake.session("a").change()
		time.Sleep(time.Minute)
		if st := r.want("a", stateview.Connected); !st.Offer().Equal(second) {
			t.Errorf("offer %+v, want %+v", st.Offer(), second)
		}
		r.fake.set("a", fakeServer{err: errKilled})
		r.fake.session("a").kill(errKilled)
		if st := r.want("a", stateview.Backoff); !st.Offer().Equal(stateview.Offer{}) {
			t.Errorf("offer %+v without a session", st.Offer())
		}
	})
}

func TestWishHoldsForEachSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		wishes := func() []call.Wish {
			synctest.Wait()
			s := r.fake.session("a")
			r.fake.mu.Lock()
			defer r.fake.mu.Unlock()
			return s.wishes
		}
		first := call.Wish{Resources: []string{"file:///a"}, LogLevel: "debug"}
		r.Follow("a", first) // before there is such a server
		r.apply(false, stdio("a"), stdio("b"))
		r.want("a", stateview.Connected)
		if got := wishes(); len(got) != 1 || !got[0].Equal(first) {
			t.Errorf("the first session follows %v", got)
		}
		second := call.Wish{LogLevel: "info"}
		r.Follow("a", second)
		if got := wishes(); len(got) != 2 || !got[1].Equal(second) {
			t.Errorf("the session follows %v", got)
		}
		r.fake.session("a").kill(errKilled)
		time.Sleep(time.Minute)
		r.want("a", stateview.Connected)
		if got := wishes(); len(got) != 1 || !got[0].Equal(second) {
			t.Errorf("the second session follows %v", got)
		}
		r.Follow("a", call.Wish{})
		if got := wishes(); len(got) != 2 || !got[1].Equal(call.Wish{}) {
			t.Errorf("the session follows %v, want nothing", got)
		}
		r.fake.session("a").kill(errKilled)
		time.Sleep(time.Minute)
		r.want("a", stateview.Connected)
		if got := wishes(); len(got) != 0 {
			t.Errorf("a session follows %v, which nobody wishes", got)
		}
	})
}

func TestTimeIsUpByTheCallersOwnWords(t *testing.T) {
	own := fmt.Errorf("the caller's: %w", context.DeadlineExceeded)
	ctx, cancel := context.WithCancelCause(t.Context())
	if timedOut(ctx) {
		t.Error("a context that goes on has timed out")
	}
	cancel(own)
	if !timedOut(ctx) {
		t.Error("time was up and is not")
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	if cancel(nil); timedOut(ctx) {
		t.Error("a call that was cancelled has timed out")
	}
}
