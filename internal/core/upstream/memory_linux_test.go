package upstream

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// TestMemoryIsBounded checks that no answer makes a program grow by more than
// three times the limit of a message.
func TestMemoryIsBounded(t *testing.T) {
	most := int64(3 * DefaultMaxBytes)
	if raceEnabled { // the detector keeps a multiple of all memory, and is slow
		most *= 5
	}
	server := serveHTTP(t, &oddHTTP{call: answerLoad})
	for i, l := range loads {
		if raceEnabled {
			if l.over != "stdio" || l.size > 100<<20 {
				continue // the detector makes these slow
			}
			l.size = min(l.size, 20<<20)
		}
		began := time.Now()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), modeVariable+"=measure", loadURL+"="+server.URL,
			"UPSTREAM_TEST_LOAD="+strconv.Itoa(i), "UPSTREAM_TEST_SIZE="+strconv.FormatInt(l.size, 10))
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%+v: %v, %s", l, err, out)
		}
		var grown int64
		var code string
		_, _ = fmt.Sscan(string(out), &grown, &code) // a code that is missing is none
		t.Logf("%s of %d MB over %s: grew by %.1f MB in %v", l.name, l.size>>20, l.over, float64(grown)/(1<<20), time.Since(began))
		if code != l.code {
			t.Errorf("%+v ended with %q", l, code)
		}
		if l.name == "message" && grown < min(l.size, 15<<20) {
			t.Errorf("%+v: grew by %d bytes only, which cannot be", l, grown)
		}
		if grown > most {
			t.Errorf("%+v: grew by %d bytes, at most %d expected", l, grown, most)
		}
	}
}
