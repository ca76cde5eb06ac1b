// Command aether runs operations of Aether's Go event store for a client that sends JSON: one request a line on
// stdin, one answer a line on stdout. Events, snapshots and stored payloads cross as base64, since they are compared
// byte for byte and JSON inside JSON would be rewritten.
//
//	{"op":"open"}
//	{"op":"save_event","event":"<base64>"}          {"op":"save_snapshot","snapshot":"<base64>"}
//	{"op":"get_events","actor_id":"order-1","from_version":0}      and get_events_with_errors
//	{"op":"get_latest_version","actor_id":"order-1"}               and get_latest_snapshot, subject
//	{"op":"bench_save","actor_id":"order-1","count":1000}          and bench_replay
//
// An answer is {"result":...} or {"error":{"type":...,"message":...}}.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

type request struct {
	Op          string `json:"op"`
	ActorID     string `json:"actor_id"`
	FromVersion int64  `json:"from_version"`
	Event       []byte `json:"event"`
	Snapshot    []byte `json:"snapshot"`
	Count       int    `json:"count"`
}

type answer struct {
	Result interface{} `json:"result"`
	Error  *failure    `json:"error,omitempty"`
}

type failure struct {
	Type             string `json:"type"`
	Message          string `json:"message"`
	ActorID          string `json:"actor_id"`
	AttemptedVersion int64  `json:"attempted_version"`
	CurrentVersion   int64  `json:"current_version"`
}

type replayed struct {
	Events [][]byte  `json:"events"`
	Errors []skipped `json:"errors"`
}

type skipped struct {
	SequenceNumber uint64 `json:"sequence_number"`
	RawData        []byte `json:"raw_data"`
	Error          string `json:"error"`
}

type measured struct {
	Seconds float64 `json:"seconds"`
	Events  int     `json:"events"`
}

// malformedError is what json.Unmarshal says of an event or a snapshot.
type malformedError struct{ error }

func main() {
	url := flag.String("url", nats.DefaultURL, "where nats-server listens")
	stream := flag.String("stream", "", "the stream's name")
	flag.Parse()
	nc, err := nats.Connect(*url)
	if err != nil {
		log.Fatalf("connect %s: %v", *url, err)
	}
	defer nc.Close()
	if err := serve(nc, *stream); err != nil {
		log.Fatal(err)
	}
}

// serve answers until stdin ends.
func serve(nc *nats.Conn, stream string) error {
	var store *JetStreamEventStore
	requests := bufio.NewReader(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for {
		line, err := requests.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var req request
		var result interface{}
		if err = json.Unmarshal(line, &req); err == nil {
			switch {
			case req.Op == "open":
				store, err = NewJetStreamEventStore(nc, stream)
			case store == nil:
				err = errors.New("the store is not open")
			default:
				result, err = store.answer(req)
			}
		}
		reply := answer{Result: result}
		if err != nil {
			reply = answer{Error: describe(err)}
		}
		if err := answers.Encode(reply); err != nil {
			return err
		}
	}
}

func (s *JetStreamEventStore) answer(req request) (interface{}, error) {
	switch req.Op {
	case "save_event":
		var event Event
		if err := json.Unmarshal(req.Event, &event); err != nil {
			return nil, &malformedError{err}
		}
		return nil, s.SaveEvent(&event)
	case "get_events":
		events, err := s.GetEvents(req.ActorID, req.FromVersion)
		if err != nil {
			return nil, err
		}
		return marshalAll(events)
	case "get_events_with_errors":
		result, err := s.GetEventsWithErrors(req.ActorID, req.FromVersion)
		if err != nil {
			return nil, err
		}
		return marshalReplay(result)
	case "get_latest_version":
		return s.GetLatestVersion(req.ActorID)
	case "save_snapshot":
		var snapshot ActorSnapshot
		if err := json.Unmarshal(req.Snapshot, &snapshot); err != nil {
			return nil, &malformedError{err}
		}
		return nil, s.SaveSnapshot(&snapshot)
	case "get_latest_snapshot":
		snapshot, err := s.GetLatestSnapshot(req.ActorID)
		if err != nil {
			return nil, err
		}
		return json.Marshal(snapshot)
	case "subject":
		return s.eventSubject(req.ActorID), nil
	case "bench_save":
		return s.benchSave(req.ActorID, req.Count)
	case "bench_replay":
		return s.benchReplay(req.ActorID)
	}
	return nil, fmt.Errorf("no such op: %q", req.Op)
}

// benchSave stores count events one after the other. The replay that finds the first version is not measured.
func (s *JetStreamEventStore) benchSave(actorID string, count int) (*measured, error) {
	s.mu.Lock()
	version, err := s.knownVersion(actorID)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	for range count {
		version++
		if err := s.SaveEvent(ordinaryEvent(actorID, version)); err != nil {
			return nil, err
		}
	}
	return &measured{time.Since(start).Seconds(), count}, nil
}

func (s *JetStreamEventStore) benchReplay(actorID string) (*measured, error) {
	start := time.Now()
	result, err := s.GetEventsWithErrors(actorID, 0)
	if err != nil {
		return nil, err
	}
	return &measured{time.Since(start).Seconds(), len(result.Events)}, nil
}

// ordinaryEvent takes about 350 bytes in the stream.
func ordinaryEvent(actorID string, version int64) *Event {
	return &Event{
		ID:        nuid.Next(),
		EventType: "OrderLineAdded",
		ActorID:   actorID,
		CommandID: nuid.Next(),
		Version:   version,
		Data: map[string]interface{}{
			"sku": "SKU-10442", "quantity": 3, "price": 19.99, "currency": "EUR", "note": "leave at the gate",
		},
		Metadata:  map[string]string{"correlationId": "5f2c9a1e-7b34-4d0c", "userId": "user-4711"},
		Timestamp: time.Now().UTC(),
	}
}

func marshalAll(events []*Event) ([][]byte, error) {
	bodies := make([][]byte, 0, len(events))
	for _, event := range events {
		body, err := json.Marshal(event)
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, body)
	}
	return bodies, nil
}

func marshalReplay(result *ReplayResult) (*replayed, error) {
	events, err := marshalAll(result.Events)
	if err != nil {
		return nil, err
	}
	errs := make([]skipped, 0, len(result.Errors))
	for _, e := range result.Errors {
		errs = append(errs, skipped{e.SequenceNumber, e.RawData, e.Err.Error()})
	}
	return &replayed{events, errs}, nil
}

func describe(err error) *failure {
	var conflict *VersionConflictError
	var malformed *malformedError
	switch {
	case errors.As(err, &conflict):
		return &failure{
			"VersionConflictError", err.Error(), conflict.ActorID, conflict.AttemptedVersion, conflict.CurrentVersion,
		}
	case errors.As(err, &malformed):
		return &failure{Type: "Malformed", Message: err.Error()}
	case errors.Is(err, nats.ErrStreamNameAlreadyInUse):
		return &failure{Type: "StreamNameInUse", Message: err.Error()}
	case errors.Is(err, nats.ErrMsgNotFound):
		return &failure{Type: "NoSnapshot", Message: err.Error()}
	}
	return &failure{Type: "Other", Message: err.Error()}
}
