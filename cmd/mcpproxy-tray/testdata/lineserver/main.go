// Lineserver is a stdio server that costs as little as one can: what is measured
// beside it is not its own. Its tool "echo" answers with as many bytes as its
// argument "size" says, after as many milliseconds as "wait" says.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

type request struct {
	ID     json.RawMessage
	Method string
	Params struct {
		ProtocolVersion string
		Arguments       struct{ Size, Wait int }
	}
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	var mu sync.Mutex
	answer := func(id json.RawMessage, member, value string) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = os.Stdout.WriteString(`{"jsonrpc":"2.0","id":` + string(id) + `,"` + member + `":` + value + "}\n")
	}
	texts := map[int]string{}
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var r request
		if json.Unmarshal(line, &r) != nil || r.ID == nil {
			continue
		}
		switch r.Method {
		case "initialize":
			answer(r.ID, "result", fmt.Sprintf(`{"protocolVersion":%q,"capabilities":{"tools":{}},"serverInfo":{"name":"line","version":"0"}}`, r.Params.ProtocolVersion))
		case "tools/list":
			answer(r.ID, "result", `{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}`)
		case "tools/call":
			a := r.Params.Arguments
			if texts[a.Size] == "" {
				texts[a.Size] = `{"content":[{"type":"text","text":"` + strings.Repeat("x", a.Size) + `"}]}`
			}
			if a.Wait == 0 {
				answer(r.ID, "result", texts[a.Size])
				continue
			}
			text := texts[a.Size]
			time.AfterFunc(time.Duration(a.Wait)*time.Millisecond, func() { answer(r.ID, "result", text) })
		default:
			answer(r.ID, "error", `{"code":-32601,"message":"no such method"}`)
		}
	}
}
