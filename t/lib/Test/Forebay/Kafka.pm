# SPDX-License-Identifier: Apache-2.0
#
# A real Apache Kafka, one node in KRaft mode, from Maven Central.
#
#	Test::Forebay::Kafka->need;		at the head of a test file
#	my $b = Test::Forebay::Kafka->shared;	one for all tests of a run
#	my $b = Test::Forebay::Kafka->private;	may be killed and halted
#
# The shared broker is started by the first test that wants it and ends with
# the prove(1) that ran that test, or a few seconds after its last user when
# there is no prove.  TEST_FOREBAY_BOOTSTRAP names a broker to use instead.
#
# Users of the SASL listener (sasl_bootstrap): see %USERS.  The TLS listener
# (tls_bootstrap) wants a certificate of its clients: tls_files has the one
# that is good for both ends, and its own authority.
package Test::Forebay::Kafka;

use strict;
use warnings;

use parent 'Test::Forebay::Broker';

use Cwd qw(abs_path);
use Fcntl qw(:flock);
use File::Path qw(make_path remove_tree);
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Test::Forebay::Util;

our %USERS = (
	'PLAIN' => [ 'plain', 'plain-secret' ],
	'SCRAM-SHA-256' => [ 'scram', 'scram-secret' ],
	'SCRAM-SHA-512' => [ 'scram', 'scram-secret' ],
);

my $CLUSTER = 'Zm9yZWJheS10ZXN0cy0wMQ';
my @JVM = qw(-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xmx256m -Xss512k
    -XX:-UsePerfData);
my $LINGER = 5;

# ---- what must be there --------------------------------------------------

# Always in build/, whatever the sanitizer: a jar is a jar.
sub jars { return source_dir() . '/build/kafka' }

sub java_version
{
	my ($status, $out, $err) = run(['java', '-version']);

	return $err =~ /version "(\d+)/ ? $1 : 0;
}

# Copy the jars once, however many tests want them at the same time.
sub fetch
{
	my $dir = jars();
	my $tree = source_dir();

	return undef if -e "$dir/.complete";
	make_path($dir);
	open(my $lock, '>', "$dir/.lock") or return "$dir/.lock: $!";
	flock($lock, LOCK_EX);
	return undef if -e "$dir/.complete";
	my ($status, $out, $err) = run(['mvn', '-q', '-B', '-f',
	    "$tree/t/kafka/pom.xml", 'dependency:copy-dependencies',
	    '-DincludeScope=runtime', "-DoutputDirectory=$dir"],
	    timeout => 600);

	return "mvn: " . substr($out . $err, 0, 2000) if $status;
	open(my $done, '>', "$dir/.complete") or return "$dir/.complete: $!";
	return undef;
}

# Why there can be no broker here; undef if there can.
sub missing
{
	return undef if $ENV{TEST_FOREBAY_BOOTSTRAP};
	return 'Java 17 is not installed (make deps)' if java_version() < 17;
	return 'Maven is not installed (make deps)'
	    unless -e jars() . '/.complete' || (run(['mvn', '-v']))[0] == 0;
	return fetch();
}

sub need
{
	my $why = missing();

	skip_all_for("no Apache Kafka: $why") if $why;
	return 1;
}

# ---- settings ------------------------------------------------------------

# Ports that are free now.  Held together, so that they differ; and not from
# the range that connections get theirs of, so that they are still free when
# the broker is stopped and started again.
my %given;

sub free_ports
{
	my ($n) = @_;
	my @socks;

	for (1 .. 1000) {
		my $port = 10_000 + int(rand(20_000));

		# That of a broker which has not started yet is free, too.
		next if $given{$port};
		push @socks, IO::Socket::INET->new(LocalAddr => '127.0.0.1',
		    Listen => 1, LocalPort => $port, Proto => 'tcp') // next;
		$given{$port} = 1;
		return map { $_->sockport } @socks if @socks == $n;
	}
	die "no free port: $@\n";
}

sub settings
{
	my ($self) = @_;
	my ($plain, $sasl, $tls, $controller) = @{$self->{ports}};
	my %s = (
		'process.roles' => 'broker,controller',
		'node.id' => 1,
		'controller.quorum.voters' => "1\@127.0.0.1:$controller",
		'controller.listener.names' => 'CONTROLLER',
		'listeners' => "PLAINTEXT://127.0.0.1:$plain,"
		    . "SASL://127.0.0.1:$sasl,TLS://127.0.0.1:$tls,"
		    . "CONTROLLER://127.0.0.1:$controller",
		'advertised.listeners' => "PLAINTEXT://127.0.0.1:$plain,"
		    . "SASL://127.0.0.1:$sasl,TLS://127.0.0.1:$tls",
		'listener.security.protocol.map' => 'PLAINTEXT:PLAINTEXT,'
		    . 'SASL:SASL_PLAINTEXT,TLS:SSL,CONTROLLER:PLAINTEXT',
		'inter.broker.listener.name' => 'PLAINTEXT',
		'sasl.enabled.mechanisms' => join(',', sort keys %USERS),
		'listener.name.sasl.plain.sasl.jaas.config' =>
		    'org.apache.kafka.common.security.plain.PlainLoginModule '
		    . "required user_$USERS{PLAIN}[0]=\"$USERS{PLAIN}[1]\";",
		'ssl.keystore.type' => 'PEM',
		'ssl.keystore.location' => jars() . '/tls/both.pem',
		'ssl.truststore.type' => 'PEM',
		'ssl.truststore.location' => jars() . '/tls/cert.pem',
		'listener.name.tls.ssl.client.auth' => 'required',
		'log.dirs' => "$self->{dir}/data",
		'auto.create.topics.enable' => 'false',
		'group.initial.rebalance.delay.ms' => 0,
		'group.min.session.timeout.ms' => 1000,
		'offsets.topic.num.partitions' => 1,
		'offsets.topic.replication.factor' => 1,
		'transaction.state.log.num.partitions' => 1,
		'transaction.state.log.replication.factor' => 1,
		'transaction.state.log.min.isr' => 1,
		'share.coordinator.state.topic.num.partitions' => 1,
		'share.coordinator.state.topic.replication.factor' => 1,
		'share.coordinator.state.topic.min.isr' => 1,
		'broker.session.timeout.ms' => 3000,
		'broker.heartbeat.interval.ms' => 500,
		'message.max.bytes' => 20 * 1024 * 1024,
		'replica.fetch.max.bytes' => 20 * 1024 * 1024,
		'log.cleaner.enable' => 'false',
		'log.retention.hours' => -1,
		'num.network.threads' => 2,
		'num.io.threads' => 2,
		'num.replica.fetchers' => 1,
		'background.threads' => 2,
		'num.recovery.threads.per.data.dir' => 1,
		%{$self->{settings} // {}},
	);
	for my $mechanism (grep { /SCRAM/ } keys %USERS) {
		my $key = 'listener.name.sasl.' . lc($mechanism)
		    . '.sasl.jaas.config';

		$s{$key} = 'org.apache.kafka.common.security.scram.'
		    . 'ScramLoginModule required;';
	}
	return join('', map { "$_=$s{$_}\n" } sort keys %s);
}

our $LOG4J = <<'LOG4J';
rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %c{1} %m%n
LOG4J

sub java
{
	my ($self, @args) = @_;

	# A ready heap, no lookups, nothing in the user's home.
	return ('java', @JVM, @{$self->{jvm} // []},
	    "-Dlog4j2.configurationFile=$self->{dir}/log4j2.properties",
	    '-cp', jars() . '/*', @args);
}

sub tls_files
{
	my $dir = jars() . '/tls';

	return ("$dir/cert.pem", "$dir/key.pem");
}

# One key for both ends, made once.
sub make_tls
{
	my ($cert, $key) = tls_files();
	my $dir = jars() . '/tls';
	my $new = "$dir.new.$$";

	return if -e "$dir/both.pem";
	make_path($new);
	run_ok(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes',
	    '-days', '3650', '-subj', '/CN=localhost', '-addext',
	    'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout',
	    "$new/key.pem", '-out', "$new/cert.pem"]);
	spew("$new/both.pem", slurp("$new/key.pem") . slurp("$new/cert.pem"));
	rename($new, $dir) or remove_tree($new);
	return;
}

# A formatted data directory costs a JVM, so it is made once and copied.
sub format_data
{
	my ($self) = @_;
	my $formatted = jars() . '/formatted';

	open(my $lock, '>', jars() . '/.lock') or die "lock: $!\n";
	flock($lock, LOCK_EX);
	unless (-e "$formatted/meta.properties") {
		my @users = map { ('--add-scram', "$_=[name=$USERS{$_}[0],"
		    . "password=$USERS{$_}[1]]") } grep { /SCRAM/ }
		    sort keys %USERS;

		remove_tree($formatted, "$self->{dir}/data");
		run_ok([$self->java('kafka.tools.StorageTool', 'format', '-t',
		    $CLUSTER, '-c', "$self->{dir}/server.properties",
		    @users)], timeout => patience(60));
		run_ok(['cp', '-a', "$self->{dir}/data", "$formatted.new"]);
		rename("$formatted.new", $formatted) or die "rename: $!\n";
		return;
	}
	run_ok(['cp', '-a', $formatted, "$self->{dir}/data"]);
	return;
}

# ---- the process ---------------------------------------------------------

sub prepare
{
	my ($self) = @_;

	make_tls();
	$self->{ports} = [free_ports(4)];
	spew("$self->{dir}/server.properties", $self->settings);
	spew("$self->{dir}/log4j2.properties", $LOG4J);
	$self->format_data unless -e "$self->{dir}/data";
	return $self;
}

# Start the broker, on the ports it had if it ran before.
sub start
{
	my ($self) = @_;

	$self->{pid} = spawn([$self->java('kafka.Kafka',
	    "$self->{dir}/server.properties")], out => "$self->{dir}/log",
	    err => "$self->{dir}/log");
	return $self;
}

sub await
{
	my ($self) = @_;

	wait_until {
		# The shared one is not our child.
		my $pid = $self->{pid} //
		    (slurp("$self->{dir}/pid") =~ /(\d+)/)[0];

		die 'Kafka ended: ' . substr(slurp("$self->{dir}/log"), -3000)
		    if $pid && !pid_alive($pid);
		return $self->is_up;
	} 'Kafka answers', 60;
	return $self;
}

sub stop
{
	my ($self, $signal) = @_;
	my $pid = delete $self->{pid} or return;

	kill('CONT', $pid);
	kill_pid($pid, $signal // 'TERM');
	return;
}

sub bootstrap { return "127.0.0.1:$_[0]{ports}[0]" }
sub sasl_bootstrap { return "127.0.0.1:$_[0]{ports}[1]" }
sub tls_bootstrap { return "127.0.0.1:$_[0]{ports}[2]" }
sub can_grow { return 1 }

# No answer and no connection until resume(); what was in the page cache
# survives, as it does on a machine that stays up.
sub halt { $_[0]->stop('KILL'); return }
sub resume { return $_[0]->start->await }

# Connections stay, answers do not come.
sub freeze { kill('STOP', $_[0]{pid}); return }
sub thaw { kill('CONT', $_[0]{pid}); return }

sub create_topic
{
	my ($self, $name, $partitions, @settings) = @_;

	return $self->tool_ok('topic', 'create', $name, $partitions,
	    @settings);
}

sub grow_topic
{
	my ($self, $name, $partitions) = @_;

	return $self->tool_ok('topic', 'grow', $name, $partitions);
}

# ( state, [ { id, instance, client, partitions } ] )
sub group
{
	my ($self, $name) = @_;
	my ($status, $out) = $self->tool('group', $name);
	my @members;

	return (undef, []) if $status;
	for ($out =~ /^member (.*)$/mg) {
		my ($id, $instance, $client, $n) = split / /;

		push @members, { id => $id, instance => $instance,
		    client => $client, partitions => $n };
	}
	return ($out =~ /^state (\S+)/m ? $1 : undef, \@members);
}

sub private
{
	my ($class, %opt) = @_;
	my $self = bless({ owner => $$ }, $class)->init;

	$self->{settings} = $opt{settings};
	$self->{jvm} = $opt{jvm};
	$self->{dir} = "$self->{scratch}";
	return $self->prepare->start->await;
}

# ---- the shared one ------------------------------------------------------
#
# build/kafka/shared holds the broker's directory, its ports, and two locks:
# `lock` for who starts or stops it, `users` shared by all who use it.  A
# keeper process is the broker's parent; it stops the broker when `users` is
# free and nobody can want it any more.

sub shared
{
	my ($class) = @_;
	my $self = bless({ owner => $$ }, $class)->init;
	my $dir = jars() . '/shared';

	if (my $there = $ENV{TEST_FOREBAY_BOOTSTRAP}) {
		$self->{ports} = [(split /:/, $there)[-1]];
		no warnings 'redefine';
		return bless $self, 'Test::Forebay::Kafka::Other';
	}
	make_path($dir);
	open(my $users, '>>', "$dir/users") or die "$dir/users: $!\n";
	flock($users, LOCK_SH) or die "$dir/users: $!\n";
	$self->{users} = $users;
	open(my $lock, '>>', "$dir/lock") or die "$dir/lock: $!\n";
	flock($lock, LOCK_EX) or die "$dir/lock: $!\n";
	$self->{dir} = "$dir/run";
	if (-e "$dir/run/ports") {
		$self->{ports} = [split ' ', slurp("$dir/run/ports")];
		return $self if $self->is_up;
	}
	remove_tree("$dir/run");
	make_path("$dir/run");
	$self->prepare;
	keep($self, $dir);
	$self->await;
	spew("$dir/run/ports", "@{$self->{ports}}\n");
	return $self;
}

# Is it prove that runs us?  Its pid, or 0.
sub prove_pid
{
	my $parent = getppid();

	return slurp("/proc/$parent/cmdline") =~ /\bprove\b/ ? $parent : 0;
}

# The keeper is exec'ed and not only forked: a copy of this process would hold
# its locks, and the pipe at whose end prove waits.
sub keep
{
	my ($self, $dir) = @_;
	my $pid = fork // die "fork: $!\n";

	return waitpid($pid, 0) if $pid;
	# Twice, so that it is nobody's child and no zombie of ours.
	POSIX::setsid();
	spawn([$^X, '-I' . source_dir() . '/t/lib', '-MTest::Forebay::Kafka',
	    '-e', 'Test::Forebay::Kafka::keeper(@ARGV)', $dir, prove_pid()],
	    out => "$dir/run/log", err => "$dir/run/log");
	POSIX::_exit(0);
}

sub keeper
{
	my ($dir, $prove) = @_;
	my $self = bless { dir => "$dir/run" }, __PACKAGE__;

	$0 = 'forebay tests: Kafka keeper';
	open(my $users, '>>', "$dir/users") or die "$dir/users: $!\n";
	open(my $lock, '>>', "$dir/lock") or die "$dir/lock: $!\n";
	$self->start;
	spew("$dir/run/pid", $self->{pid});
	eval { $self->watch($users, $lock, $prove); 1 } or print STDERR $@;
	# Nobody will miss its data.  The locks are held to the very end, so
	# that the next broker's directory is not taken for this one's.
	$self->stop('KILL');
	remove_tree("$dir/run");
	return;
}

# Until nobody can want the broker any more; returns with both locks held,
# so that nobody comes in.
sub watch
{
	my ($self, $users, $lock, $prove) = @_;
	my $idle;

	while (1) {
		my $over = !pid_alive($self->{pid});

		sleep 0.3;
		# Whoever starts a broker has this one.
		next unless flock($lock, LOCK_EX | LOCK_NB);
		if (flock($users, LOCK_EX | LOCK_NB)) {
			$idle //= time;
			return if $over || ($prove ? !pid_alive($prove) :
			    time - $idle > $LINGER);
			flock($users, LOCK_UN);
		} else {
			# It died on its own; those who use it will see.
			return if $over;
			undef $idle;
		}
		flock($lock, LOCK_UN);
	}
	return;
}

sub DESTROY
{
	my ($self) = @_;

	local ($?, $@);
	return if !$self->{owner} || $self->{owner} != $$;
	if ($self->{pid}) {
		# Nobody will miss its data.
		$self->stop('KILL');
	}
	return;
}

# Somebody else's broker.
package Test::Forebay::Kafka::Other;

use strict;
use warnings;

use parent -norequire, 'Test::Forebay::Kafka';

sub bootstrap { return $ENV{TEST_FOREBAY_BOOTSTRAP} }

1;
