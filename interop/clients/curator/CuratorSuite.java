import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCacheEvent;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryOneTime;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.data.Stat;

/** Curator's recipes against the server at $ZK_ADDR; prints a line per case and the totals. */
public final class CuratorSuite {
    private static final int WAIT_SECONDS = 15;
    private static int passed;
    private static int failed;

    private interface Case {
        void run(CuratorFramework first, CuratorFramework second, String root) throws Exception;
    }

    private static CuratorFramework open() throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.builder()
            .connectString(System.getenv("ZK_ADDR"))
            .sessionTimeoutMs(15000)
            .connectionTimeoutMs(10000)
            .retryPolicy(new RetryOneTime(200))
            .build();
        client.start();
        if (!client.blockUntilConnected(WAIT_SECONDS, TimeUnit.SECONDS)) {
            throw new IllegalStateException("no connection");
        }
        return client;
    }

    private static void run(String name, Case body) {
        try (CuratorFramework first = open(); CuratorFramework second = open()) {
            String root = "/curator/" + name;
            if (first.checkExists().forPath(root) != null) {
                first.delete().deletingChildrenIfNeeded().forPath(root);
            }
            first.create().creatingParentsIfNeeded().forPath(root);
            body.run(first, second, root);
            passed++;
            System.out.println("ok      curator: " + name);
        } catch (Throwable error) {
            failed++;
            System.out.println("FAILED  curator: " + name + ": " + error);
            error.printStackTrace(System.out);
        }
    }

    private static void check(boolean condition, String what) {
        if (!condition) {
            throw new IllegalStateException(what);
        }
    }

    private static void until(Callable<Boolean> condition, String what) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (!condition.call()) {
            check(System.nanoTime() < deadline, "never: " + what);
            Thread.sleep(5);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /** Two clients may be at two servers; what comes after a sync sees all that was acknowledged before it. */
    private static CuratorFramework upToDate(CuratorFramework client) throws Exception {
        client.sync().forPath("/");
        return client;
    }

    private static void mutex(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger turns = new AtomicInteger();
        ExecutorService pool = Executors.newFixedThreadPool(4);
        List<Future<?>> workers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            InterProcessMutex lock = new InterProcessMutex(i % 2 == 0 ? first : second, root);
            workers.add(pool.submit(() -> {
                for (int turn = 0; turn < 10; turn++) {
                    check(lock.acquire(WAIT_SECONDS, TimeUnit.SECONDS), "acquired");
                    check(inside.incrementAndGet() == 1, "alone inside");
                    turns.incrementAndGet();
                    inside.decrementAndGet();
                    lock.release();
                }
                return null;
            }));
        }
        for (Future<?> worker : workers) {
            worker.get(60, TimeUnit.SECONDS);
        }
        pool.shutdown();
        check(turns.get() == 40, "all turns");
    }

    private static void readWriteLock(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        InterProcessReadWriteLock one = new InterProcessReadWriteLock(first, root);
        InterProcessReadWriteLock two = new InterProcessReadWriteLock(second, root);
        check(one.readLock().acquire(5, TimeUnit.SECONDS) && two.readLock().acquire(5, TimeUnit.SECONDS), "shared");
        two.readLock().release();
        check(!two.writeLock().acquire(200, TimeUnit.MILLISECONDS), "no writer beside a reader");
        one.readLock().release();
        check(two.writeLock().acquire(5, TimeUnit.SECONDS), "writer alone");
        two.writeLock().release();
    }

    private static void semaphore(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        InterProcessSemaphoreV2 one = new InterProcessSemaphoreV2(first, root, 2);
        InterProcessSemaphoreV2 two = new InterProcessSemaphoreV2(second, root, 2);
        Lease lease = one.acquire(5, TimeUnit.SECONDS);
        check(lease != null && two.acquire(5, TimeUnit.SECONDS) != null, "two leases");
        check(two.acquire(200, TimeUnit.MILLISECONDS) == null, "no third lease");
        one.returnLease(lease);
        check(two.acquire(5, TimeUnit.SECONDS) != null, "returned lease");
    }

    private static void leaderLatch(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        LeaderLatch one = new LeaderLatch(first, root, "one");
        LeaderLatch two = new LeaderLatch(second, root, "two");
        one.start();
        until(one::hasLeadership, "first leads");
        two.start();
        until(() -> two.getParticipants().size() == 2, "two participants");
        check(!two.hasLeadership() && two.getLeader().getId().equals("one"), "one leader");
        one.close();
        until(two::hasLeadership, "second takes over");
        two.close();
    }

    private static void leaderSelector(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        AtomicInteger leading = new AtomicInteger();
        AtomicInteger reigns = new AtomicInteger();
        AtomicInteger mistakes = new AtomicInteger();
        List<LeaderSelector> selectors = new ArrayList<>();
        for (CuratorFramework client : List.of(first, second)) {
            LeaderSelector selector = new LeaderSelector(client, root, new LeaderSelectorListenerAdapter() {
                @Override
                public void takeLeadership(CuratorFramework ignored) {
                    if (leading.incrementAndGet() != 1) {
                        mistakes.incrementAndGet();
                    }
                    reigns.incrementAndGet();
                    leading.decrementAndGet();
                }
            });
            selector.autoRequeue();
            selector.start();
            selectors.add(selector);
        }
        until(() -> reigns.get() >= 20, "twenty reigns");
        selectors.forEach(LeaderSelector::close);
        check(mistakes.get() == 0, "one leader at a time");
    }

    private static void barriers(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        DistributedBarrier barrier = new DistributedBarrier(first, root + "/simple");
        barrier.setBarrier();
        DistributedBarrier other = new DistributedBarrier(upToDate(second), root + "/simple");
        check(!other.waitOnBarrier(200, TimeUnit.MILLISECONDS), "held");
        barrier.removeBarrier();
        check(other.waitOnBarrier(5, TimeUnit.SECONDS), "let go");
        ExecutorService pool = Executors.newFixedThreadPool(2);
        List<Future<Boolean>> members = new ArrayList<>();
        for (CuratorFramework client : List.of(first, second)) {
            members.add(pool.submit(() -> {
                DistributedDoubleBarrier both = new DistributedDoubleBarrier(client, root + "/double", 2);
                return both.enter(WAIT_SECONDS, TimeUnit.SECONDS) && both.leave(WAIT_SECONDS, TimeUnit.SECONDS);
            }));
        }
        for (Future<Boolean> member : members) {
            check(member.get(), "entered and left together");
        }
        pool.shutdown();
    }

    private static void queue(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        List<String> taken = Collections.synchronizedList(new ArrayList<>());
        QueueSerializer<String> serializer = new QueueSerializer<>() {
            @Override
            public byte[] serialize(String item) {
                return bytes(item);
            }

            @Override
            public String deserialize(byte[] data) {
                return text(data);
            }
        };
        QueueConsumer<String> consumer = new QueueConsumer<>() {
            @Override
            public void consumeMessage(String message) {
                taken.add(message);
            }

            @Override
            public void stateChanged(CuratorFramework client, ConnectionState state) {
            }
        };
        DistributedQueue<String> producer = QueueBuilder.builder(first, null, serializer, root + "/q").buildQueue();
        DistributedQueue<String> taker = QueueBuilder.builder(second, consumer, serializer, root + "/q").buildQueue();
        producer.start();
        taker.start();
        for (int i = 0; i < 50; i++) {
            producer.put("item" + i);
        }
        until(() -> taken.size() == 50, "fifty items");
        check(new TreeSet<>(taken).size() == 50, "each once");
        taker.close();
        producer.close();
    }

    private static void pathChildrenCache(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        List<String> events = Collections.synchronizedList(new ArrayList<>());
        try (PathChildrenCache cache = new PathChildrenCache(first, root, true)) {
            cache.getListenable().addListener((client, event) -> {
                if (event.getData() != null) {
                    events.add(event.getType() + " " + event.getData().getPath());
                }
            });
            cache.start(PathChildrenCache.StartMode.BUILD_INITIAL_CACHE);
            second.create().forPath(root + "/a", bytes("1"));
            until(() -> events.contains(PathChildrenCacheEvent.Type.CHILD_ADDED + " " + root + "/a"), "added");
            second.setData().forPath(root + "/a", bytes("2"));
            until(() -> events.contains(PathChildrenCacheEvent.Type.CHILD_UPDATED + " " + root + "/a"), "updated");
            check(text(cache.getCurrentData(root + "/a").getData()).equals("2"), "cached value");
            second.delete().forPath(root + "/a");
            until(() -> events.contains(PathChildrenCacheEvent.Type.CHILD_REMOVED + " " + root + "/a"), "removed");
        }
    }

    /** CuratorCache lives on persistent recursive watches. */
    private static void curatorCache(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        List<String> events = Collections.synchronizedList(new ArrayList<>());
        second.create().forPath(root + "/before", bytes("0"));
        try (CuratorCache cache = CuratorCache.build(first, root)) {
            cache.listenable().addListener(CuratorCacheListener.builder()
                .forCreates(node -> events.add("created " + node.getPath()))
                .forChanges((old, node) -> events.add("changed " + node.getPath()))
                .forDeletes(node -> events.add("deleted " + node.getPath()))
                .build());
            cache.start();
            until(() -> events.contains("created " + root + "/before"), "initial");
            for (int i = 0; i < 30; i++) {
                second.create().creatingParentsIfNeeded().forPath(root + "/deep/er/n" + i, bytes("x"));
            }
            until(() -> events.contains("created " + root + "/deep/er/n29"), "deep creates");
            second.setData().forPath(root + "/deep/er/n7", bytes("y"));
            until(() -> events.contains("changed " + root + "/deep/er/n7"), "change");
            second.delete().deletingChildrenIfNeeded().forPath(root + "/deep");
            until(() -> events.contains("deleted " + root + "/deep"), "delete");
            check(cache.size() == 2, "root and the first child remain, got " + cache.size());
        }
    }

    private static void persistentWatcher(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        List<WatchedEvent> events = Collections.synchronizedList(new ArrayList<>());
        try (PersistentWatcher watcher = new PersistentWatcher(first, root, false)) {
            CountDownLatch reset = new CountDownLatch(1);
            watcher.getResetListenable().addListener(reset::countDown);
            watcher.getListenable().addListener(events::add);
            watcher.start();
            check(reset.await(WAIT_SECONDS, TimeUnit.SECONDS), "watch set");
            second.setData().forPath(root, bytes("1"));
            second.create().forPath(root + "/c");
            second.setData().forPath(root, bytes("2"));
            until(() -> events.size() == 3, "three events from one watch");
            check(events.get(0).getType() == EventType.NodeDataChanged, "data");
            check(events.get(1).getType() == EventType.NodeChildrenChanged, "children");
            check(events.get(2).getType() == EventType.NodeDataChanged, "data again");
        }
        second.setData().forPath(root, bytes("3"));
        first.sync().forPath(root);
        check(events.size() == 3, "nothing after removal");
    }

    private static void persistentNode(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        try (PersistentNode node = new PersistentNode(first, CreateMode.EPHEMERAL, false, root + "/n", bytes("v"))) {
            node.start();
            check(node.waitForInitialCreate(WAIT_SECONDS, TimeUnit.SECONDS), "created");
            long owner = upToDate(second).checkExists().forPath(root + "/n").getEphemeralOwner();
            check(owner == first.getZookeeperClient().getZooKeeper().getSessionId(), "owned by its session");
            second.delete().forPath(root + "/n");
            until(() -> second.checkExists().forPath(root + "/n") != null, "made again");
        }
        check(upToDate(second).checkExists().forPath(root + "/n") == null, "gone when closed");
    }

    private static void ttlNode(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        try (PersistentTtlNode node = new PersistentTtlNode(first, root + "/t", 60000, bytes("v"))) {
            node.start();
            check(node.waitForInitialCreate(WAIT_SECONDS, TimeUnit.SECONDS), "created");
            until(() -> second.checkExists().forPath(root + "/t") != null, "visible");
        }
        second.create().withTtl(100000).withMode(CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL).forPath(root + "/s-");
        second.create().withMode(CreateMode.CONTAINER).forPath(root + "/container");
        Stat stat = upToDate(second).checkExists().forPath(root + "/container");
        check(stat.getEphemeralOwner() == 0, "containers show no owner");
    }

    private static void groupMember(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        try (GroupMember one = new GroupMember(first, root, "one"); GroupMember two = new GroupMember(second, root, "two")) {
            one.start();
            two.start();
            until(() -> one.getCurrentMembers().size() == 2, "two members");
        }
    }

    private static void sharedCount(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        try (SharedCount one = new SharedCount(first, root + "/c", 5); SharedCount two = new SharedCount(second, root + "/c", 5)) {
            one.start();
            two.start();
            one.setCount(6);
            until(() -> two.getCount() == 6, "seen by the other");
            check(two.trySetCount(two.getVersionedValue(), 7), "versioned set");
            until(() -> one.getCount() == 7, "seen back");
            VersionedValue<Integer> stale = one.getVersionedValue();
            two.setCount(8);
            until(() -> one.getCount() == 8, "set past the version");
            check(!one.trySetCount(stale, 9), "a stale version does not win");
        }
    }

    private static void atomicLong(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(2);
        List<Future<?>> workers = new ArrayList<>();
        for (CuratorFramework client : List.of(first, second)) {
            workers.add(pool.submit(() -> {
                DistributedAtomicLong number = new DistributedAtomicLong(client, root + "/n", new org.apache.curator.retry.RetryNTimes(200, 2));
                for (int i = 0; i < 25; i++) {
                    AtomicValue<Long> value = number.increment();
                    check(value.succeeded(), "incremented");
                }
                return null;
            }));
        }
        for (Future<?> worker : workers) {
            worker.get(60, TimeUnit.SECONDS);
        }
        pool.shutdown();
        check(new DistributedAtomicLong(first, root + "/n", new RetryOneTime(1)).get().postValue() == 50, "fifty");
    }

    private static void transactions(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        List<CuratorTransactionResult> results = first.transaction().forOperations(
            first.transactionOp().create().forPath(root + "/a", bytes("1")),
            first.transactionOp().setData().withVersion(0).forPath(root + "/a", bytes("2")),
            first.transactionOp().create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath(root + "/s-"),
            first.transactionOp().check().withVersion(1).forPath(root + "/a"));
        check(results.get(2).getResultPath().equals(root + "/s-0000000001"), results.get(2).getResultPath());
        check(results.get(0).getResultStat() == null || results.get(0).getResultStat().getVersion() == 0, "stat of a create");
        try {
            first.transaction().forOperations(
                first.transactionOp().delete().forPath(root + "/a"),
                first.transactionOp().create().forPath(root + "/missing/b"));
            check(false, "should have failed");
        } catch (KeeperException.NoNodeException expected) {
            check(expected.getResults().get(1).getType() == org.apache.zookeeper.ZooDefs.OpCode.error, "error result");
        }
        check(text(upToDate(second).getData().forPath(root + "/a")).equals("2"), "nothing was deleted");
    }

    private static void protectedCreate(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        String path = first.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(root + "/p-");
        check(path.contains("_c_") && path.endsWith("p-0000000000"), path);
        check(upToDate(second).getChildren().forPath(root).size() == 1, "one child");
    }

    private static void versionsAndErrors(CuratorFramework first, CuratorFramework second, String root) throws Exception {
        Stat stat = new Stat();
        first.create().storingStatIn(stat).forPath(root + "/v", bytes("0"));
        check(stat.getVersion() == 0 && stat.getDataLength() == 1, "stat from create2");
        try {
            second.setData().withVersion(7).forPath(root + "/v", bytes("1"));
            check(false, "should have failed");
        } catch (KeeperException.BadVersionException expected) {
            check(expected.getPath().equals(root + "/v"), "path");
        }
        first.getConfig().forEnsemble();
        check(first.getACL().forPath(root).size() == 1, "acl");
        first.watchers().add().withMode(org.apache.zookeeper.AddWatchMode.PERSISTENT).usingWatcher((org.apache.zookeeper.Watcher) event -> { }).forPath(root);
        first.watchers().removeAll().forPath(root);
    }

    public static void main(String[] arguments) {
        run("mutex", CuratorSuite::mutex);
        run("readWriteLock", CuratorSuite::readWriteLock);
        run("semaphore", CuratorSuite::semaphore);
        run("leaderLatch", CuratorSuite::leaderLatch);
        run("leaderSelector", CuratorSuite::leaderSelector);
        run("barriers", CuratorSuite::barriers);
        run("queue", CuratorSuite::queue);
        run("pathChildrenCache", CuratorSuite::pathChildrenCache);
        run("curatorCache", CuratorSuite::curatorCache);
        run("persistentWatcher", CuratorSuite::persistentWatcher);
        run("persistentNode", CuratorSuite::persistentNode);
        run("ttlNode", CuratorSuite::ttlNode);
        run("groupMember", CuratorSuite::groupMember);
        run("sharedCount", CuratorSuite::sharedCount);
        run("atomicLong", CuratorSuite::atomicLong);
        run("transactions", CuratorSuite::transactions);
        run("protectedCreate", CuratorSuite::protectedCreate);
        run("versionsAndErrors", CuratorSuite::versionsAndErrors);
        System.out.println(passed + " passed, " + failed + " failed, 0 skipped");
        System.exit(failed == 0 ? 0 : 1);
    }
}
