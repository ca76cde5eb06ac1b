// Reads a stream once with nats.go's ordered consumer and encoding/json, and compares each version with the last one of its
// subject. It prints the number of messages, of malformed bodies and of gaps, and the seconds.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"time"

	"github.com/nats-io/nats.go"
)

type event struct {
	ID        string                 `json:"id"`
	EventType string                 `json:"eventType"`
	ActorID   string                 `json:"actorId"`
	CommandID string                 `json:"commandId,omitempty"`
	Version   int64                  `json:"version"`
	Data      map[string]interface{} `json:"data"`
	Metadata  map[string]string      `json:"metadata,omitempty"`
	Timestamp time.Time              `json:"timestamp"`
}

func main() {
	url := flag.String("url", nats.DefaultURL, "server")
	name := flag.String("stream", "", "stream")
	flag.Parse()
	connection, err := nats.Connect(*url)
	check(err)
	defer connection.Close()
	js, err := connection.JetStream()
	check(err)
	info, err := js.StreamInfo(*name)
	check(err)
	versions := map[string]int64{}
	read, malformed, gaps := 0, 0, 0
	done := make(chan struct{})
	started := time.Now()
	subscription, err := js.Subscribe(*name+".>", func(message *nats.Msg) {
		read++
		var one event
		if json.Unmarshal(message.Data, &one) != nil {
			malformed++
		} else {
			if before, known := versions[message.Subject]; known && one.Version != before+1 {
				gaps++
			}
			versions[message.Subject] = one.Version
		}
		metadata, err := message.Metadata()
		check(err)
		if metadata.Sequence.Stream == info.State.LastSeq {
			close(done)
		}
	}, nats.OrderedConsumer(), nats.DeliverAll())
	check(err)
	check(subscription.SetPendingLimits(-1, -1))
	<-done
	fmt.Println(read, malformed, gaps, time.Since(started).Seconds())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
