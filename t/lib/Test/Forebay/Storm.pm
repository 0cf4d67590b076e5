# SPDX-License-Identifier: Apache-2.0
#
# A storm: for some minutes everything that can break breaks, at random, and
# at the end nothing is lost, and no more is repeated than the faults allow.
#
#	Test::Forebay::Storm->new(minutes => 2, seed => 7)->run;
#
# What happens when is drawn from the seed before anything starts.  When a
# fault cannot be had at that moment (its host is down) it is left out, and
# said to be.  Options:
#
#	minutes		how long faults come (2)
#	seed		a number; else one is made up, and printed
#	delivery	atLeastOnce (default) or exactlyOnce
#	sink		log or kafka; else the seed says, or the delivery
#	hosts		how many, of one group (2)
#	only		names of faults, a list; see Storm/Faults.pm
#	rate		records per second (2000)
#	keep		a directory to leave logs in
#	level		the hosts' log level
package Test::Forebay::Storm;

use strict;
use warnings;

use JSON::PP ();
use List::Util qw(max min sum0);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Test::Forebay;
use Test::Forebay::Committed;
use Test::Forebay::Kafka;
use Test::Forebay::Storm::Dice;
use Test::Forebay::Storm::Faults;
use Test::Forebay::Storm::Ledger;
use Test::Forebay::Storm::Outside;
use Test::Forebay::Storm::Watch;
use Test::Forebay::Util;

my $IN_FLIGHT = 1000;		# of a worker: memory.maxRecords
my %PARTITIONS = (0 => 6, 1 => 4);
# Its controller shares the broker's process and its pauses.  If it throws the
# broker out for one of them, this may take minutes to heal.
my %SETTINGS = ('broker.session.timeout.ms' => 9000);
my $GROWS = 2;			# at most, of each topic
my $TICK = 0.02;
my $LOOK = 1;			# seconds between looks at what is committed
# How long a fault is felt: until all have drained (10 s) and committed.
my $FELT = 15;

sub new
{
	my ($class, %opt) = @_;
	my $self = bless {
		minutes => 2, delivery => 'atLeastOnce', hosts => 2,
		rate => 2000, seed => int(time) ^ $$, level => 'notice',
		(map { ($_ => $opt{$_}) } grep { defined $opt{$_} } keys %opt),
	}, $class;

	$self->{seed} %= 2 ** 32;
	$self->{seconds} = $self->{minutes} * 60;
	$self->{sink} //= $self->{delivery} eq 'exactlyOnce' ? 'kafka' :
	    Test::Forebay::Storm::Dice->new($self->{seed} + 1)->pick(
		[1, 'log'], [1, 'kafka']);
	$self->{later} = [];
	$self->{jobs} = [];
	$self->{applied} = [];
	$self->{failures} = [];
	$self->{plan} = [Test::Forebay::Storm::Faults::plan(
	    map { ($_ => $self->{$_}) } qw(seed seconds hosts only sink))];
	return $self;
}

# ---- what is said --------------------------------------------------------

sub tell
{
	my ($self, $fmt, @args) = @_;

	note(sprintf("%7.2f s  $fmt", time - $self->{began}, @args));
	return;
}

sub failure
{
	my ($self, $what) = @_;

	push @{$self->{failures}}, sprintf('%.2f s: %s',
	    time - $self->{began}, $what);
	$self->tell('NOT AS IT SHOULD BE: %s', $what);
	return;
}

# ---- broker, topics, producers -------------------------------------------

sub start_broker
{
	my ($self) = @_;
	my $b = Test::Forebay::Kafka->private(settings => \%SETTINGS);

	$self->{broker} = $b;
	$self->{broker_state} = 'up';
	for my $i (sort keys %PARTITIONS) {
		$self->{topics}[$i] = $b->topic($PARTITIONS{$i});
		$self->{partitions}[$i] = $PARTITIONS{$i};
	}
	push @{$self->{topics}}, $self->{clock} =
	    Test::Forebay::Storm::Outside::clock_topic($b);
	push @{$self->{partitions}}, 1;
	$self->{copy} = $b->topic(6, output => 1, settings =>
	    ['message.timestamp.after.max.ms=9223372036854775807'])
	    if $self->{sink} eq 'kafka';
	return;
}

sub start_producers
{
	my ($self) = @_;
	my @steady = sort keys %PARTITIONS;

	$self->{share} = $self->{rate} / sum0(@{$self->{partitions}}[@steady]);
	for my $i (@steady) {
		$self->add_producer($i,
		    rate => int($self->{share} * $self->{partitions}[$i]));
	}
	for my $p (@{$self->{producers}}) {
		wait_until { $p->acked > 100 } 'records flow';
	}
	return;
}

# It waits for the broker for as long as that takes: what it gives up could
# not be told from what is lost.
sub add_producer
{
	my ($self, $i, %opt) = @_;

	push @{$self->{producers}}, $self->{broker}->producer(
	    $self->{topics}[$i], set => { 'message.timeout.ms' => 0,
		$self->{keep} ? (debug => 'eos') : () }, %opt);
	return;
}

sub look_at_producers
{
	my ($self) = @_;

	for my $p (grep { $_->{pid} } @{$self->{producers}}) {
		die 'a producer ended: ' . slurp("$p->{scratch}/err")
		    unless pid_alive($p->{pid});
	}
	return;
}

sub grow
{
	my ($self, $i) = @_;
	my $topic = $self->{topics}[$i];
	my $had = $self->{partitions}[$i];

	return 'it has grown enough' if $had >= $PARTITIONS{$i} + $GROWS;
	my ($status, undef, $err) = $self->{broker}->tool('topic', 'grow',
	    $topic, $had + 1);

	return "the broker is not in the mood: $err" if $status;
	$self->{partitions}[$i] = $had + 1;
	$self->add_producer($i, only => $had, rate => int($self->{share}));
	return;
}

sub kill_broker
{
	my ($self, $down) = @_;

	$self->{broker_state} = 'down';
	$self->{broker}->halt;
	$self->{log_read} = -s "$self->{broker}{dir}/log";
	$self->later($down, sub {
		$self->{broker}->start;
		push @{$self->{broker_loads}}, [time];
		$self->await_broker;
	});
	return;
}

sub pause_broker
{
	my ($self, $secs) = @_;

	$self->{broker_state} = 'paused';
	$self->{broker}->freeze;
	$self->later($secs, sub {
		$self->{broker}->thaw;
		$self->await_broker;
	});
	return;
}

# It is up when it knows leaders and committed offsets; a broker that was
# stopped has to be let in by its controller again, which may take longer than
# its start.
sub await_broker
{
	my ($self) = @_;

	$self->{broker_state} = 'coming';
	return $self->job('the broker comes back', [helper('kafkatool'), '-b',
	    $self->{broker}->bootstrap, 'offsets', $self->{group},
	    $self->{topics}[0]], sub {
		my ($status) = @_;

		return $self->revive_broker
		    if $status && $self->has_coordinator_failed;
		return $self->await_broker if $status;
		$self->{broker_state} = 'up';
		$_->[1] //= time for @{$self->{broker_loads}};
		$self->tell('the broker is back');
		return;
	}, within => 300);
}

# A broker that is thrown out by its own controller while it loads the groups
# may load them twice, and says then that they do not fit its log.  It serves no
# group any more until it is started again (seen with Kafka 4.3.1).
sub has_coordinator_failed
{
	my ($self) = @_;

	return substr(slurp("$self->{broker}{dir}/log"),
	    $self->{log_read} // 0) =~
	    /state machine of the coordinator \S+ is out of sync/;
}

sub revive_broker
{
	my ($self) = @_;

	$self->tell('the broker has lost its groups: it is started again');
	$self->{broker_state} = 'up';
	$self->apply({ name => 'kill-broker', host => 0,
	    args => { down => 1 } });
	return;
}

# From its start until a while after it first answered.
sub was_loading
{
	my ($self, $time) = @_;

	return scalar grep { $time >= $_->[0] &&
	    $time <= ($_->[1] // $time) + 2 } @{$self->{broker_loads} // []};
}

sub look_at_broker
{
	my ($self) = @_;
	my $b = $self->{broker};

	die 'Kafka ended: ' . substr(slurp("$b->{dir}/log"), -3000)
	    if $b->{pid} && !pid_alive($b->{pid});
	return;
}

# ---- hosts ---------------------------------------------------------------

sub add_host
{
	my ($self, $n) = @_;
	my $name = chr(ord('A') + $n);
	my %sink = $self->{sink} eq 'kafka' ? (sink => { kafka => {
		setKey => JSON::PP::true(),
		brokers => [$self->{broker}->bootstrap],
		topic => $self->{copy} } }) : ();
	my $f = Test::Forebay->new(broker => $self->{broker},
	    topic => $self->{topics}, workers => 2, %sink,
	    ($self->{keep} ? (dir => $self->keep_in("host-$name")) : ()),
	    ($n ? (group => $self->{group}) : ()),
	    config => { 'session.timeout.ms' => 6000 },
	    host => {
		memory => { maxRecords => $IN_FLIGHT },
		workerTimeout => '5s', maxPartitions => 64,
		log => { level => $self->{level} },
		delivery => $self->{delivery},
	    });
	my $h = { f => $f, name => $name, workers => 2, state => 'down',
		version => 0, since => time };

	$self->{group} //= $f->{group};
	$self->add_output($h, $n) if $self->{sink} eq 'log';
	push @{$self->{h}}, $h;
	return;
}

sub keep_in
{
	my ($self, $name) = @_;
	my $dir = "$self->{keep}/$name";

	-d $self->{keep} || mkdir($self->{keep}) || die "$self->{keep}: $!\n";
	mkdir($dir) || die "$dir: $!\n";
	return $dir;
}

# Of two hosts one writes into a pipe, and one into a file on a small disk.
sub add_output
{
	my ($self, $h, $n) = @_;

	return $self->add_relay($h)
	    unless $n % 2 && Test::Forebay::Storm::Outside::can_mount();
	$h->{disk} = Test::Forebay::Storm::Outside::add_disk($h->{f}{dir});
	$h->{log} = $h->{f}{out} = "$h->{disk}/out";
	return;
}

# What the host writes goes through a pipe, so that somebody can stop taking
# it.  We hold the pipe open; the relay's copy ends when nobody does.
sub add_relay
{
	my ($self, $h) = @_;
	my $f = $h->{f};
	my $fifo = "$f->{dir}/fifo";

	$h->{log} = $f->{out};
	POSIX::mkfifo($fifo, 0600) or die "$fifo: $!\n";
	open($h->{hold}, '+<', $fifo) or die "$fifo: $!\n";
	$f->{out} = $fifo;
	my $pid = fork // die "fork: $!\n";

	if ($pid) {
		$h->{relay} = $pid;
		return;
	}
	# Nothing of others may be held open here.
	POSIX::close($_) for 3 .. 255;
	local $SIG{INT} = 'IGNORE';
	sysopen(my $in, $fifo, POSIX::O_RDONLY()) or POSIX::_exit(1);
	open(my $out, '>', $h->{log}) or POSIX::_exit(1);
	while (sysread($in, my $buf, 65536)) {
		syswrite($out, $buf) == length $buf or POSIX::_exit(1);
	}
	POSIX::_exit(0);
}

sub close_relays
{
	my ($self) = @_;

	for my $h (grep { $_->{relay} } @{$self->{h}}) {
		close(delete $h->{hold});
		my $status = reap(delete $h->{relay}, patience(30));

		is($status, 0, "host $h->{name}: all its lines are here");
	}
	return;
}

sub set_state
{
	my ($self, $h, $state) = @_;

	$h->{state} = $state;
	$h->{since} = time;
	$h->{version}++;
	return;
}

sub start_host
{
	my ($self, $h) = @_;

	$h->{f}->write_manifest;
	$h->{f}->start_only;
	$self->set_state($h, 'up');
	return;
}

sub start_later
{
	my ($self, $h, $secs) = @_;

	$self->set_state($h, 'down');
	return $self->later($secs, sub {
		$self->tell('host %s starts', $h->{name});
		$self->start_host($h);
	});
}

sub kill_master
{
	my ($self, $h, $down) = @_;

	$h->{f}->kill_master;
	return $self->start_later($h, $down);
}

sub kill_host
{
	my ($self, $h, $down) = @_;

	$h->{f}->kill_all;
	return $self->start_later($h, $down);
}

sub leave
{
	my ($self, $h, $away) = @_;

	$self->set_state($h, 'leaving');
	$h->{away} = $away;
	$h->{f}->signal('QUIT');
	return;
}

sub stop_and_go
{
	my ($self, $h, $secs, $state, @pids) = @_;

	$self->set_state($h, $state);
	kill('STOP', @pids);
	return $self->later($secs, sub {
		kill('CONT', @pids);
		$self->tell('host %s wakes up', $h->{name});
		$self->set_state($h, 'up');
	});
}

# One process; it goes on when its last pause is over.
sub pause
{
	my ($self, $pid, $secs) = @_;

	kill('STOP', $pid);
	$self->{paused}{$pid}++;
	return $self->later($secs, sub {
		kill('CONT', $pid) unless --$self->{paused}{$pid};
	});
}

# Who was to leave is started again; who was not must not have gone.
sub look_at_host
{
	my ($self, $h) = @_;
	my $f = $h->{f};
	my $left = $h->{state} eq 'leaving';

	return unless $f->{pid};
	if (waitpid($f->{pid}, POSIX::WNOHANG()) != $f->{pid}) {
		$self->failure("host $h->{name} does not leave")
		    if $left && time > $h->{since} + patience(60) &&
		    !$h->{stays}++;
		return;
	}
	my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;

	delete $f->{pid};
	delete $h->{stays};
	$self->tell('host %s has left, exit status %d, after %.1f s',
	    $h->{name}, $status, time - $h->{since}) if $left;
	# 1: not all could be drained and committed in time.
	$self->failure("host $h->{name} " . ($left ? 'left' : 'ended')
	    . " with exit status $status") unless $left &&
	    ($status == 0 || ($status == 1 && $self->is_troubled));
	$self->start_later($h, $left ? $h->{away} : 1);
	return;
}

# Is there, or was there lately, a reason why not all can be drained?
sub is_troubled
{
	my ($self) = @_;

	return grep { $_->{name} =~ /^pause-|^kill-broker|^freeze|^full-disk/ &&
	    $_->{time} + $_->{lasts} + $FELT > time } @{$self->{applied}};
}

# Children of the master.
sub worker_pids
{
	my ($self, $h) = @_;
	my $pid = $h->{f}{pid} // return ();

	return split ' ', slurp("/proc/$pid/task/$pid/children");
}

# ---- how much may come again ---------------------------------------------

sub in_flight { return $_[1] * $IN_FLIGHT }

# While workers are replaced there may be one more.
sub in_flight_of
{
	my ($self, $h) = @_;
	my @pids = $self->worker_pids($h);

	return $IN_FLIGHT * max($h->{workers} + 1, scalar @pids);
}

sub in_flight_of_all
{
	my ($self) = @_;

	return sum0(map { $self->in_flight_of($_) } @{$self->{h}});
}

sub uncommitted
{
	my ($self, $h) = @_;

	return Test::Forebay::Storm::Ledger::uncommitted(
	    "$h->{f}{run}/ledger");
}

sub overlap
{
	my ($one, $other) = @_;

	return $one->{time} <= $other->{time} + $other->{lasts} + $FELT &&
	    $other->{time} <= $one->{time} + $one->{lasts} + $FELT;
}

# By the faults that there were.
sub allowed
{
	my ($self) = @_;
	my $sum = 0;

	return 0 if $self->{delivery} eq 'exactlyOnce';
	for my $fault (@{$self->{applied}}) {
		my $worse = grep { $_ != $fault && !$_->{calm} &&
		    overlap($fault, $_) } @{$self->{applied}};

		$sum += $fault->{$worse ? 'worst' : 'may'};
	}
	return $sum;
}

# ---- asking --------------------------------------------------------------

# Run a command beside everything else; `judge` gets exit status, output and
# error, and says what is wrong with them.  It is not asked if the host has
# changed its state in between.
sub job
{
	my ($self, $what, $cmd, $judge, %opt) = @_;
	my $dir = scratch();

	push @{$self->{jobs}}, { what => $what, judge => $judge, dir => $dir,
		host => $opt{host}, version => ($opt{host} // {})->{version},
		by => time + patience($opt{within} // 60), began => time,
		pid => spawn($cmd, out => "$dir/out", err => "$dir/err") };
	return;
}

sub look_at_jobs
{
	my ($self) = @_;
	my @jobs = splice(@{$self->{jobs}});

	for my $job (@jobs) {
		if (waitpid($job->{pid}, POSIX::WNOHANG()) == $job->{pid}) {
			$self->judge($job, $? & 127 ? 128 + ($? & 127) :
			    $? >> 8);
		} elsif (time > $job->{by}) {
			$self->failure("$job->{what}: no end after "
			    . sprintf('%.0f s', time - $job->{began}));
			kill_pid($job->{pid});
		} else {
			push @{$self->{jobs}}, $job;
		}
	}
	return;
}

sub judge
{
	my ($self, $job, $status) = @_;
	my $wrong = $job->{judge}->($status, slurp("$job->{dir}/out"),
	    slurp("$job->{dir}/err"));
	my $h = $job->{host};

	return unless $wrong;
	return if $h && $h->{version} != $job->{version};
	$self->failure("$job->{what}: $wrong");
	return;
}

# A host that has been up for a while answers; one that is not says why.
sub ask
{
	my ($self, $h, $what) = @_;
	my $f = $h->{f};
	my $settled = $h->{state} eq 'up' && time > $h->{since} + $FELT;
	my @cmd = $what eq 'metrics' ? ($^X, '-I' . source_dir() . '/t/lib',
	    '-MTest::Forebay::Storm', '-e',
	    'Test::Forebay::Storm::scrape(@ARGV)', $f->command, $f->{run}) :
	    ($f->command, $what, '-d', $f->{run}, '--json');

	$self->job("$what of host $h->{name} ($h->{state})", \@cmd, sub {
		my ($status, $out, $err) = @_;

		return "exit status $status: $err" if $status && $settled;
		return "exit status $status and no reason"
		    if $status && $err !~ /\S/;
		return 'not JSON' if !$status && $what ne 'metrics' &&
		    !eval { JSON::PP::decode_json($out) };
		return;
	}, host => $h);
	return;
}

# GET /metrics, in a process of its own.
sub scrape
{
	my ($command, $run) = @_;
	my ($status, $out, $err) = run([$command, 'status', '-d', $run,
	    '--json']);

	if ($status) {
		print STDERR $err;
		exit($status);
	}
	my $f = bless { owner => 0 }, 'Test::Forebay';

	{
		no warnings 'redefine';
		local *Test::Forebay::status =
		    sub { return JSON::PP::decode_json($out) };
		my ($code, $body) = $f->http('/metrics');

		print STDERR "/metrics: code $code\n" if $code != 200;
		exit($code == 200 && $body =~ /^# TYPE/m ? 0 : 1);
	}
}

# ---- the storm -----------------------------------------------------------

sub later
{
	my ($self, $secs, $code) = @_;

	@{$self->{later}} = sort { $a->[0] <=> $b->[0] } @{$self->{later}},
	    [time + $secs, $code];
	return;
}

sub turn
{
	my ($self) = @_;

	while (@{$self->{later}} && $self->{later}[0][0] <= time) {
		(shift @{$self->{later}})->[1]->();
	}
	$self->look_at_broker;
	$self->look_at_producers;
	$self->look_at_host($_) for @{$self->{h}};
	$self->look_at_jobs;
	sleep $TICK;
	return;
}

# Can it be had now?  The reason why not.
sub hindrance
{
	my ($self, $row, $h) = @_;

	return "the broker is $self->{broker_state}"
	    if $row->{needs} eq 'broker' && $self->{broker_state} ne 'up';
	return "it is $h->{state}" if $row->{needs} =~ /^(?:up|log|disk)$/ &&
	    $h->{state} ne 'up';
	return 'it has no pipe' if $row->{needs} eq 'log' && !$h->{relay};
	return 'it has no disk' if $row->{needs} eq 'disk' && !$h->{disk};
	return;
}

sub apply
{
	my ($self, $fault) = @_;
	my $row = Test::Forebay::Storm::Faults::by_name($fault->{name});
	my $h = $self->{h}[$fault->{host}];
	my $args = $fault->{args};
	my $what = join(' ', $fault->{name},
	    ($row->{needs} eq 'broker' ? () : $h->{name}),
	    map { "$_=$args->{$_}" } sort keys %$args);
	my $time = time;
	my $did = $self->hindrance($row, $h) //
	    $row->{code}->($self, $h, $args);

	unless (ref $did) {
		$self->tell('(not %s: %s)', $what, $did);
		return;
	}
	my ($may, $worst, $lasts) = @$did;

	push @{$self->{applied}}, { name => $fault->{name}, time => $time,
		may => $may, worst => $worst, lasts => $lasts,
		calm => $row->{calm} };
	$self->tell('%s', $what);
	return;
}

sub blow
{
	my ($self) = @_;
	my @plan = @{$self->{plan}};

	while (@plan || time < $self->{began} + $self->{seconds}) {
		if (@plan && time >= $self->{began} + $plan[0]{at}) {
			$self->apply(shift @plan);
		}
		$self->turn;
	}
	return;
}

# Everything that was stopped goes on, and everything that was down is up.
sub calm_down
{
	my ($self) = @_;
	my $until = time + patience(120);

	$self->tell('no more faults');
	while (@{$self->{later}} || @{$self->{jobs}} ||
	    $self->{broker_state} ne 'up' ||
	    grep { $_->{state} ne 'up' } @{$self->{h}}) {
		die "not everything is running again:\n"
		    . $self->what_is_there if time > $until;
		$self->turn;
	}
	return;
}

sub what_is_there
{
	my ($self) = @_;

	return join('', "broker: $self->{broker_state}\n",
	    (map { "host $_->{name}: $_->{state}\n" } @{$self->{h}}),
	    (map { "open: $_->{what}\n" } @{$self->{jobs}}));
}

sub start
{
	my ($self) = @_;

	$self->{began} = time;
	$self->start_broker;
	$self->add_host($_) for 0 .. $self->{hosts} - 1;
	$self->{watch} = Test::Forebay::Storm::Watch->new(
	    map { "$_->{f}{run}/ledger" } @{$self->{h}});
	$self->{committed} = [map { Test::Forebay::Committed->start(
	    $self->{broker}, $self->{group}, $_, $LOOK) }
	    @{$self->{topics}}];
	$self->start_host($_) for @{$self->{h}};
	$self->await_all_held;
	$self->start_producers;
	return;
}

sub await_all_held
{
	my ($self) = @_;
	my $all = sum0(@{$self->{partitions}});

	return wait_until {
		$self->look_at_host($_) for @{$self->{h}};
		return sum0(map { $_->{f}->held } @{$self->{h}}) == $all;
	} "the hosts hold $all partitions", 120;
}

# After the faults: all is well again, without anybody's help.
sub recovered
{
	my ($self) = @_;

	$self->await_all_held;
	for my $h (@{$self->{h}}) {
		is_soon {
			my $s = $h->{f}->status // return 0;

			return $s->{manifest}{reload} eq 'IDLE' &&
			    $h->{f}->worker_pids == $h->{workers};
		} "host $h->{name} has its $h->{workers} workers", 120;
		my @alarms;

		is_soon {
			@alarms = @{($h->{f}->status //
			    { alarms => [{ text => 'no status' }] })->{alarms}};
			return !@alarms;
		} "host $h->{name}: no alarm stays", 120
		    or diag(map { "$_->{text}\n" } @alarms);
	}
	$_->close for @{$self->{producers}};
	wait_until {
		$self->turn;
		return $self->{broker}->is_caught_up($self->{group},
		    @{$self->{topics}});
	} 'the group has committed the end of the log', 180;
	return;
}

sub drain
{
	my ($self) = @_;

	$_->{f}->drain for @{$self->{h}};
	$self->close_relays;
	$_->{f}->finish for @{$self->{h}};
	$self->{broker}->caught_up_ok($self->{group}, @{$self->{topics}});
	$_->never_back_ok(except => sub { $self->was_loading(@_) })
	    for @{$self->{committed}};
	return;
}

sub verdict
{
	my ($self) = @_;
	my $allowed = $self->allowed;
	my @from = $self->{sink} eq 'kafka' ? (from => $self->{copy}) :
	    (logs => [map { $_->{log} } @{$self->{h}}]);
	my $v = $self->{broker}->delivered_ok(@from, repeated => $allowed);

	$self->{verdict} = $v;
	is(join("\n", @{$self->{failures}}), '', 'all else is as it should');
	$self->{summary} = sprintf('storm: seed %d, %g min, %d faults, '
	    . 'produced %d, lost %d, repeated %d (allowed %d), stand-still '
	    . 'median/max: %s', $self->{seed}, $self->{minutes},
	    scalar @{$self->{applied}}, $v->{produced}, $v->{lost},
	    $v->{repeated}, $allowed, $self->stand_still);
	return;
}

sub stand_still
{
	my ($self) = @_;
	my $by = Test::Forebay::Storm::Watch::by_fault($self->{applied},
	    @{$self->{pauses}});

	return join(', ', map {
		my @secs = sort { $a <=> $b } @{$by->{$_}};

		sprintf('%s %.1f/%.1f s (%d)', $_, $secs[$#secs / 2],
		    $secs[-1], scalar @secs);
	} sort keys %$by);
}

# As tests; true if all went well.  `summary` has it in a line.
sub run_all
{
	my ($self) = @_;

	note(sprintf('storm: seed %d, %g min, %s, %s sink, %d hosts',
	    @$self{qw(seed minutes delivery sink hosts)}));
	$self->start;
	$self->{began} = time;
	$self->blow;
	$self->calm_down;
	$self->recovered;
	$self->{pauses} = [$self->{watch}->stop];
	$self->drain;
	$self->verdict;
	return;
}

# Those of the hosts are there already.
sub keep_logs
{
	my ($self) = @_;

	eval { spew("$self->{keep}/broker.log",
	    slurp("$self->{broker}{dir}/log")) };
	for my $p (@{$self->{producers} // []}) {
		eval { spew("$self->{keep}/producer-" . ++$self->{kept},
		    slurp("$p->{scratch}/err")) };
	}
	return;
}

sub DESTROY
{
	my ($self) = @_;

	local ($?, $@);
	$self->keep_logs if $self->{keep} && $self->{broker};
	kill('CONT', $self->{broker}{pid}) if $self->{broker} &&
	    $self->{broker}{pid};
	for my $h (@{$self->{h} // []}) {
		kill('CONT', pids_in($h->{f}{dir}), $h->{relay} // ());
		kill_pid($h->{relay}) if $h->{relay};
		Test::Forebay::Storm::Outside::remove_disk($h->{disk})
		    if $h->{disk};
	}
	return;
}

1;
