package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	batchSize = 100
	batchWait = time.Second
)

// JetStreamEventStore keeps events and snapshots of actors in one stream.
type JetStreamEventStore struct {
	js     nats.JetStreamContext
	stream string

	mu       sync.Mutex
	versions map[string]int64 // the latest of each actor, as far as this process knows
}

// NewJetStreamEventStore creates the stream, or takes the existing one if its configuration is the same.
func NewJetStreamEventStore(nc *nats.Conn, stream string) (*JetStreamEventStore, error) {
	js, err := nc.JetStream()
	if err != nil {
		return nil, fmt.Errorf("jetstream context: %w", err)
	}
	_, err = js.AddStream(&nats.StreamConfig{
		Name:      stream,
		Subjects:  []string{stream + ".events.>", stream + ".snapshots.>"},
		Storage:   nats.FileStorage,
		Retention: nats.LimitsPolicy,
		MaxAge:    365 * 24 * time.Hour,
		Replicas:  1,
	})
	if err != nil {
		return nil, fmt.Errorf("create stream %s: %w", stream, err)
	}
	return &JetStreamEventStore{js: js, stream: stream, versions: make(map[string]int64)}, nil
}

// SaveEvent stores event if its version is greater than the latest that this process knows.
func (s *JetStreamEventStore) SaveEvent(event *Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	current, err := s.knownVersion(event.ActorID)
	if err != nil {
		return err
	}
	if event.Version <= current {
		return &VersionConflictError{event.ActorID, event.Version, current}
	}
	data, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("marshal event: %w", err)
	}
	// The ack may say that the id is a duplicate and nothing was stored. Aether does not check that.
	if _, err := s.js.Publish(s.eventSubject(event.ActorID), data, nats.MsgId(event.ID)); err != nil {
		return fmt.Errorf("publish event: %w", err)
	}
	s.versions[event.ActorID] = event.Version
	return nil
}

// knownVersion asks the stream only once for each actor. The caller holds mu.
func (s *JetStreamEventStore) knownVersion(actorID string) (int64, error) {
	if version, known := s.versions[actorID]; known {
		return version, nil
	}
	version, err := s.GetLatestVersion(actorID)
	if err != nil {
		return 0, err
	}
	s.versions[actorID] = version
	return version, nil
}

// GetEvents returns the actor's events with a version above fromVersion; what does not decode is left out.
func (s *JetStreamEventStore) GetEvents(actorID string, fromVersion int64) ([]*Event, error) {
	result, err := s.GetEventsWithErrors(actorID, fromVersion)
	if err != nil {
		return nil, err
	}
	return result.Events, nil
}

// GetEventsWithErrors is GetEvents, together with every message that does not decode.
func (s *JetStreamEventStore) GetEventsWithErrors(actorID string, fromVersion int64) (*ReplayResult, error) {
	// Nothing is acknowledged, so nothing should wait to be. Binding saves a lookup of the stream.
	sub, err := s.js.PullSubscribe(s.eventSubject(actorID), "", nats.BindStream(s.stream), nats.AckNone())
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	defer sub.Unsubscribe()

	result := &ReplayResult{Events: []*Event{}, Errors: []ReplayError{}}
	for {
		msgs, err := sub.Fetch(batchSize, nats.MaxWait(batchWait))
		if err != nil && !errors.Is(err, nats.ErrTimeout) {
			return nil, fmt.Errorf("fetch: %w", err)
		}
		for _, msg := range msgs {
			if err := result.add(msg, fromVersion); err != nil {
				return nil, err
			}
		}
		if len(msgs) < batchSize {
			return result, nil
		}
	}
}

func (r *ReplayResult) add(msg *nats.Msg, fromVersion int64) error {
	var event Event
	if err := json.Unmarshal(msg.Data, &event); err != nil {
		metadata, metadataErr := msg.Metadata()
		if metadataErr != nil {
			return fmt.Errorf("message metadata: %w", metadataErr)
		}
		r.Errors = append(r.Errors, ReplayError{metadata.Sequence.Stream, msg.Data, err})
		return nil
	}
	if event.Version > fromVersion {
		r.Events = append(r.Events, &event)
	}
	return nil
}

// GetLatestVersion is the highest version over a full replay, 0 if there is none.
func (s *JetStreamEventStore) GetLatestVersion(actorID string) (int64, error) {
	events, err := s.GetEvents(actorID, 0)
	if err != nil {
		return 0, err
	}
	var latest int64
	for _, event := range events {
		latest = max(latest, event.Version)
	}
	return latest, nil
}

// SaveSnapshot stores snapshot after those the actor already has.
func (s *JetStreamEventStore) SaveSnapshot(snapshot *ActorSnapshot) error {
	data, err := json.Marshal(snapshot)
	if err != nil {
		return fmt.Errorf("marshal snapshot: %w", err)
	}
	if _, err := s.js.Publish(s.snapshotSubject(snapshot.ActorID), data); err != nil {
		return fmt.Errorf("publish snapshot: %w", err)
	}
	return nil
}

// GetLatestSnapshot reads the actor's last snapshot and no other: an error if there is none or it does not decode.
func (s *JetStreamEventStore) GetLatestSnapshot(actorID string) (*ActorSnapshot, error) {
	msg, err := s.js.GetLastMsg(s.stream, s.snapshotSubject(actorID))
	if err != nil {
		return nil, fmt.Errorf("last snapshot of actor %q: %w", actorID, err)
	}
	var snapshot ActorSnapshot
	if err := json.Unmarshal(msg.Data, &snapshot); err != nil {
		return nil, &malformedError{err}
	}
	return &snapshot, nil
}

func (s *JetStreamEventStore) eventSubject(actorID string) string {
	return s.subject("events", actorID)
}

func (s *JetStreamEventStore) snapshotSubject(actorID string) string {
	return s.subject("snapshots", actorID)
}

func (s *JetStreamEventStore) subject(kind, actorID string) string {
	actorType := sanitizeSubject(extractActorType(actorID))
	return fmt.Sprintf("%s.%s.%s.%s", s.stream, kind, actorType, sanitizeSubject(actorID))
}
