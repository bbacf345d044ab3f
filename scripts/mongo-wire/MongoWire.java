import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.h2.H2Database;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.MongoServerError;
import de.bwaldvogel.mongo.exception.MongoServerException;
import de.bwaldvogel.mongo.oplog.Oplog;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.h2.mvstore.MVStore;

/**
 * A stand-in for mongod, for tests where none can be installed: mongo-java-server with what a driver of today misses
 * in it.
 *
 * <pre>MongoWire PORT [FILE]</pre>
 *
 * Listens on 127.0.0.1. The data is in memory, or in FILE, where an acknowledged write outlives kill -9 (not a loss
 * of power).
 *
 * Not there: sessions, transactions, change streams, authentication. Partial filters of unique indexes are ignored and
 * TTL indexes delete nothing.
 */
public final class MongoWire {
    /** Drivers refuse a server below wire version 9. This is what MongoDB 5.0 says of itself. */
    private static final MongoVersion VERSION = new MongoVersion() {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 13;
        }
    };

    private static final Set<String> WRITES = Set.of(
            "insert", "update", "delete", "findAndModify", "createIndexes", "dropIndexes", "drop", "dropDatabase");

    private static final int UNKNOWN_ERROR = 8;
    private static final int FAILED_TO_PARSE = 9;
    private static final int NAMESPACE_NOT_FOUND = 26;

    private MongoWire() {}

    public static void main(String[] args) throws Exception {
        if (args.length < 1 || args.length > 2) {
            System.err.println("usage: MongoWire PORT [FILE]");
            System.exit(2);
        }
        MongoBackend backend = args.length == 2 ? inFile(args[1]) : inMemory();
        backend.version(VERSION);
        MongoServer server = new MongoServer(backend);
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind("127.0.0.1", Integer.parseInt(args[0]));
    }

    private static MongoBackend inMemory() {
        return new MemoryBackend() {
            @Override
            public Document handleMessage(MongoMessage message) {
                return alone(message, () -> super.handleMessage(message));
            }
        };
    }

    private static MongoBackend inFile(String name) {
        MVStore store = new MVStore.Builder().fileName(name).open();
        // Old versions of a page are of no use here, and keeping them makes the file grow with every commit.
        store.setRetentionTime(0);
        return new H2Backend(store) {
            @Override
            public Document handleMessage(MongoMessage message) {
                return alone(message, () -> {
                    Document reply = super.handleMessage(message);
                    // The store itself commits once a second, long after the client was told that its write stands.
                    if (WRITES.contains(command(message))) {
                        store.commit();
                    }
                    return reply;
                });
            }

            @Override
            protected MongoDatabase openOrCreateDatabase(String name) {
                return new H2Database(name, store, getCursorRegistry()) {
                    // The one above drops each database whose name begins with this one's.
                    @Override
                    public void drop(Oplog oplog) {
                        for (String map : Set.copyOf(store.getMapNames())) {
                            if (map.matches("(databases\\.|meta\\.|)" + Pattern.quote(name) + "\\..*")) {
                                store.removeMap(map);
                            }
                        }
                    }
                };
            }
        };
    }

    private static String command(MongoMessage message) {
        return message.getDocument().keySet().iterator().next();
    }

    /**
     * One command at a time: the server underneath checks and changes in two steps.
     *
     * The reply is copied before the next command may run, because it holds the stored documents themselves and is
     * encoded later: two findAndModify would both be told the second one's result.
     *
     * Each error gets a code, since drivers tell errors apart by it. Dropping what does not exist is the one that they
     * expect.
     */
    private static Document alone(MongoMessage message, Supplier<Document> handler) {
        synchronized (MongoWire.class) {
            try {
                return counted(message.getDocument(), handler.get().cloneDeeply());
            } catch (MongoServerError error) {
                throw error;
            } catch (MongoServerException error) {
                int code = "ns not found".equals(error.getMessage()) ? NAMESPACE_NOT_FOUND : UNKNOWN_ERROR;
                throw new MongoServerError(code, error.getMessage());
            } catch (RuntimeException error) {
                throw new MongoServerError(FAILED_TO_PARSE, "FailedToParse", String.valueOf(error));
            }
        }
    }

    /** An insert that failed in part tells how many documents stand, not how many were sent. */
    private static Document counted(Document query, Document reply) {
        if (query.containsKey("insert") && reply.get("writeErrors") instanceof List<?> errors) {
            Object stand = Boolean.TRUE.equals(query.get("ordered"))
                    ? ((Document) errors.get(0)).get("index")
                    : Integer.valueOf(((List<?>) query.get("documents")).size() - errors.size());
            reply.put("n", stand);
        }
        return reply;
    }
}
