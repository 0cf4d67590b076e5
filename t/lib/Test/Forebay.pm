# SPDX-License-Identifier: Apache-2.0
#
# The daemon under test, on a manifest of its own.
#
#	my $b = Test::Forebay::Mock->new;
#	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(8));
#	$f->start;
#	$b->produce($f->{topics}[0], 1000);
#	$f->await_caught_up;
#	$f->drain;
#	$f->delivered_ok;
#
# When the object goes, or with ->finish, the daemon is stopped and four more
# things are asserted: no line at crit in its log, no sanitizer's report, no
# process left over, and ledger and broker agree.  So keep it in a scenario or
# subtest of its own, and let that end before done_testing.
package Test::Forebay;

use strict;
use warnings;

use Carp qw(croak);
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Test::Forebay::Util;

my $hosts = 0;

# broker	the broker; or bootstrap, if it is to be something else
# topic		name or list of names
# group		consumer group (made up)
# sink		'log' (default), 'blackhole', or a hash: the sink's block
# config	lines of source.kafka.config, as a hash
# kafka		more of source.kafka, a hash
# spec, host	merged into the MonoVertex's and the Host's spec
# runtime	who moves the records: 'python' is t/interop/worker.py
#		(FOREBAY_TEST_RUNTIME, or 'c')
# env		environment of the daemon, a hash
# wrap		a command in front of it that execs it, a list
# args		more arguments
# no_ledger	why ledger and broker cannot be compared at the end: nothing is
#		held, the broker is gone, the ledger is damaged on purpose
sub new
{
	my ($class, %opt) = @_;
	my $self = bless {
		owner => $$,
		dir => $opt{dir} // scratch(),
		broker => $opt{broker},
		name => $opt{name} // 'demo',
		topics => ref $opt{topic} ? $opt{topic} : [$opt{topic} // ()],
		env => $opt{env} // {},
		args => $opt{args} // [],
		wrap => $opt{wrap} // [],
		expect_crit => $opt{expect_crit},
		no_ledger => $opt{no_ledger},
		expect_exit => 0,
	}, $class;
	my $dir = "$self->{dir}";

	-x build_dir() . '/forebay' or die "forebay is not built (make)\n";
	$opt{runtime} //= $ENV{FOREBAY_TEST_RUNTIME} // 'c';
	$self->{group} = $opt{group} // "g-$$-" . $hosts;
	$self->{host_id} = $hosts++;
	$self->{run} = "$dir/run";
	$self->{file} = "$dir/forebay.yaml";
	$self->{out} = "$dir/out";
	$self->{err} = "$dir/err";
	$self->{mvtx} = $self->make_mvtx(%opt);
	$self->{host} = $self->make_host(%opt);
	# What a runtime of the protocol numaflow reads has no row.
	my $entry = $self->{host}{spec}{runtimes}{$opt{runtime}} // {};

	$self->{no_ledger} //= 'another runtime has no ledger'
	    if $opt{runtime} ne 'c' && !$self->{host}{spec}{canary} &&
	    ($entry->{protocol} // 'numaflow') eq 'numaflow';
	$self->write_manifest;
	return $self;
}

# ---- the manifest --------------------------------------------------------

sub make_mvtx
{
	my ($self, %opt) = @_;
	my $sink = $opt{sink} // 'log';
	my $config = $opt{config} // {};
	my $bootstrap = $opt{bootstrap} // $self->{broker}->bootstrap;
	my %config = ('auto.offset.reset' => 'earliest', %$config);

	return {
		apiVersion => 'numaflow.numaproj.io/v1alpha1',
		kind => 'MonoVertex',
		metadata => { name => $self->{name} },
		spec => {
			source => { kafka => {
				%{$opt{kafka} // {}},
				brokers => [split /,/, $bootstrap],
				topic => join(',', @{$self->{topics}}),
				consumerGroup => $self->{group},
				config => join('', map { "$_: $config{$_}\n" }
				    sort keys %config),
			} },
			sink => ref $sink ? $sink : { $sink => {} },
			containerTemplate => chosen($opt{runtime}),
			%{$opt{spec} // {}},
		},
	};
}

sub make_host
{
	my ($self, %opt) = @_;

	return {
		apiVersion => 'forebay/v1',
		kind => 'Host',
		spec => {
			workers => $opt{workers} // 2,
			runDirectory => $self->{run},
			http => { listen => '127.0.0.1:0' },
			commitInterval => '200ms',
			drainTimeout => '10s',
			runtimes => python_runtime(),
			%{$opt{host} // {}},
		},
	};
}

# What chooses a runtime.
sub chosen
{
	return { env => [{ name => 'NUMAFLOW_RUNTIME', value => $_[0] }] };
}

# Debian's Python, whose confluent-kafka the worker is written for.
my $PYTHON = '/usr/bin/python3';

sub python_runtime
{
	return { python => { command => [$PYTHON],
		args => [source_dir() . '/t/interop/worker.py'],
		protocol => 'worker' } };
}

# Undefined if Python workers can be run, else why not.
sub no_python
{
	return "there is no $PYTHON" unless -x $PYTHON;
	my ($status) = run([$PYTHON, '-c', 'import confluent_kafka']);

	return $status ? 'python3-confluent-kafka is missing' : undef;
}

# JSON is YAML, and does not need a module that is not there.
sub write_manifest
{
	my ($self) = @_;
	my $json = JSON::PP->new->pretty->canonical;

	return spew($self->{file}, $json->encode($self->{mvtx}) . "---\n"
	    . $json->encode($self->{host}));
}

# Change the manifest by a block that gets both documents' specs.
sub edit
{
	my ($self, $code) = @_;

	$code->($self->{mvtx}{spec}, $self->{host}{spec});
	return $self->write_manifest;
}

# ---- start and stop ------------------------------------------------------

sub command { return build_dir() . '/forebay' }

# Start and wait until the master answers; start_only does not wait.
sub start_only
{
	my ($self) = @_;

	croak 'it runs already' if $self->{pid};
	$self->{started} = time;
	$self->{pid} = spawn([@{$self->{wrap}}, $self->command, 'run',
	    '-c', $self->{file}, @{$self->{args}}], out => $self->{out}, err => $self->{err},
	    env => $self->{env});
	$self->{ran} = 1;
	return $self;
}

sub start
{
	my ($self) = @_;

	$self->start_only;
	wait_until {
		$self->check_alive;
		return $self->status;
	} 'forebay answers on its control socket';
	return $self;
}

# Start and wait until it holds so many partitions (all of its topics').
sub start_ready
{
	my ($self, $partitions) = @_;

	$self->start;
	$self->await_held($partitions);
	return $self;
}

sub check_alive
{
	my ($self) = @_;

	return if $self->{pid} && pid_alive($self->{pid});
	die "forebay is gone:\n" . $self->log_tail . "\n";
}

# Wait for the exit of the master; its exit status (128 + n for signals), -1
# if it does not come.
sub await_exit
{
	my ($self, $timeout) = @_;
	my $pid = $self->{pid} // return 0;
	my $status = reap($pid, $timeout // 30);

	return -1 unless defined $status;
	delete $self->{pid};
	return $status & 127 ? 128 + ($status & 127) : $status >> 8;
}

sub signal
{
	my ($self, $name) = @_;

	return kill($name, $self->{pid} // return 0);
}

# QUIT: everything in flight is delivered and committed.
sub drain
{
	my ($self) = @_;

	$self->check_ledger;
	$self->signal('QUIT');
	my $status = $self->await_exit;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($status, 0, 'drained and exited with 0');
}

# TERM: what is in flight is given a short time.
sub stop
{
	my ($self) = @_;

	$self->check_ledger;
	$self->signal('TERM');
	my $status = $self->await_exit;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($status, 0, 'stopped and exited with 0');
}

# kill -9 of the master; its workers see that and go by themselves.
sub kill_master
{
	my ($self) = @_;

	$self->signal('KILL');
	return $self->await_exit;
}

# kill -9 of everything, as when the machine fails.
sub kill_all
{
	my ($self) = @_;

	kill('KILL', pids_in($self->{dir}));
	return $self->await_exit;
}

# ---- what it says --------------------------------------------------------

# One of its own commands: (exit status, stdout, stderr).
sub cli
{
	my ($self, $word, @args) = @_;

	return run([$self->command, $word, '-d', $self->{run}, @args],
	    env => $self->{env}, timeout => patience(60));
}

sub status
{
	my ($self) = @_;
	my ($status, $out) = $self->cli('status', '--json');

	return undef if $status;
	return eval { JSON::PP::decode_json($out) };
}

sub ledger
{
	my ($self) = @_;
	my ($status, $out) = $self->cli('shm', '--json');

	return undef if $status;
	return eval { JSON::PP::decode_json($out) };
}

sub workers { return @{($_[0]->status // {})->{workers} // []} }

# Pids of the workers that run.
sub worker_pids { return grep { $_ } map { $_->{pid} } $_[0]->workers }

# Partitions as the status has them; by "topic/partition".
sub partitions
{
	my ($self) = @_;
	my $status = $self->status // {};

	return { map { ("$_->{topic}/$_->{partition}" => $_) }
	    @{$status->{partitions} // []} };
}

# How the records of all partitions have ended, and those that have not.
sub outcomes
{
	my ($self) = @_;
	my %sum;

	for my $pt (values %{$self->partitions}) {
		$sum{$_} += $pt->{$_} // 0 for qw(read delivered fallback
		    dead_lettered dropped returned held);
	}
	return \%sum;
}

sub held
{
	my ($self) = @_;

	return scalar grep { $_->{state} eq 'HELD' }
	    values %{$self->partitions};
}

sub await_held
{
	my ($self, $n, $timeout) = @_;

	wait_until {
		$self->check_alive;
		return $self->held == $n;
	} "its workers hold $n partitions", $timeout // 60;
	return $self;
}

# The group's generation, which no reload and no worker's death may change.
sub group_generation
{
	my ($self) = @_;
	my $status = $self->status // return undef;

	return $status->{group}{generation};
}

sub manifest_generation
{
	my $status = $_[0]->status // return undef;

	return $status->{manifest}{generation};
}

# Wait until all that was produced is committed.  How long that takes depends on
# the machine; it has an end when nothing more has been committed for so long.
sub await_caught_up
{
	my ($self, $timeout) = @_;
	my @of = ($self->{group}, @{$self->{topics}});
	my ($best, $is_caught_up) = (-1, 0);

	until ($is_caught_up) {
		wait_until {
			$self->check_alive if $self->{pid};
			return $is_caught_up = 1
			    if $self->{broker}->is_caught_up(@of);
			my $sum = $self->{broker}->committed(@of);
			my $has_moved = $sum > $best;

			$best = $sum if $has_moved;
			return $has_moved;
		} 'the group has committed the end of the log', $timeout // 60;
	}
	return $self;
}

sub log_text { return slurp($_[0]{err}) }

sub log_tail
{
	my ($self) = @_;
	my @lines = split /\n/, $self->log_text;

	splice(@lines, 0, @lines - 40) if @lines > 40;
	return join("\n", @lines);
}

# GET over HTTP, with more headers perhaps: (code, body); code 0 if nobody
# answers.
sub http
{
	my ($self, $path, %headers) = @_;
	my $more = join('', map { "$_: $headers{$_}\r\n" } sort keys %headers);
	my $address = ($self->status // {})->{http} // return (0, '');

	# All that is asked within a second gets the same.
	if ($path eq '/metrics') {
		my $fresh = ($self->{metrics_at} // 0) + 1.05 - time;

		sleep($fresh) if $fresh > 0;
		$self->{metrics_at} = time;
	}
	my $sock = IO::Socket::INET->new(PeerAddr => $address, Proto => 'tcp',
	    Timeout => 5) // return (0, '');
	my $answer = '';

	print $sock "GET $path HTTP/1.0\r\nHost: $address\r\n$more\r\n";
	while (sysread($sock, my $buf, 65536)) {
		$answer .= $buf;
	}
	my ($code) = $answer =~ m{^HTTP/1\.[01] (\d+)};
	my ($body) = $answer =~ /\r?\n\r?\n(.*)/s;

	return ($code // 0, $body // '');
}

# Sum of a metric's samples whose labels agree; undef if there is none.
sub metric
{
	my ($self, $name, %labels) = @_;
	my (undef, $text) = $self->http('/metrics');
	my $sum;

	for (split /\n/, $text) {
		/^\Q$name\E(?:\{(.*)\})? (\S+)/ or next;
		my ($have, $value) = ($1 // '', $2);

		next if grep { $have !~ /\b\Q$_\E="\Q$labels{$_}\E"/ }
		    keys %labels;
		$sum = ($sum // 0) + $value;
	}
	return $sum;
}

# ---- reload --------------------------------------------------------------

# `forebay reload`, which waits for the result: (exit status, text).
sub reload
{
	my ($self, $code) = @_;

	$self->edit($code) if $code;
	my ($status, $out, $err) = $self->cli('reload');

	return ($status, $out . $err);
}

sub reload_ok
{
	my ($self, $code, $name) = @_;
	my ($status, $text) = $self->reload($code);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($status, 0, $name // 'reloaded') || diag($text);
}

# ---- verdicts ------------------------------------------------------------

sub delivered_ok
{
	my ($self, %opt) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$opt{logs} //= [$self->{out}] unless $opt{from};
	return $self->{broker}->delivered_ok(%opt);
}

my $HELD = qr/^(?:HELD|REVOKING)$/;

# What was committed may never be more than what was acked, and what the
# broker has may be neither less than the ledger's `committed` nor more than
# its `acked`.  The ledger is read before and after the broker is asked,
# because both move on.  Rows that were compared with the broker are counted:
# check_ledger wants some.
sub ledger_quarrels
{
	my ($self) = @_;
	my $before = ledger_rows($self->ledger // return unread_ledger());
	my %broker;
	my @quarrels;

	for my $topic (@{$self->{topics}}) {
		my $rows = $self->{broker} && $self->{broker}->offsets(
		    $self->{group}, $topic) or next;

		$broker{"$topic/$_"} = $rows->[$_]{committed} for 0 .. $#$rows;
	}
	my $after = ledger_rows($self->ledger // return unread_ledger());

	for my $key (sort keys %$after) {
		my ($old, $row) = ($before->{$key}, $after->{$key});
		my ($committed, $acked) = @$row{qw(committed acked)};
		my $there = $broker{$key};

		push @quarrels, uncounted($key, $old, $row);
		push @quarrels, "$key: committed $committed > acked $acked"
		    if $committed > $acked &&
		    $row->{state} =~ /^(?:HELD|REVOKING|RELEASED)$/;
		# What is not ours all the time may be anybody's.
		next unless $old && defined $there && $there >= 0;
		next unless $old->{epoch} == $row->{epoch} &&
		    $old->{state} =~ $HELD && $row->{state} =~ $HELD;
		$self->{compared}++;
		push @quarrels, "$key: broker has $there, acked is $acked"
		    if $there > $acked;
		push @quarrels, "$key: broker has $there, committed was "
		    . $old->{committed} if $there < $old->{committed};
	}
	return @quarrels;
}

sub unread_ledger { return '`forebay shm` cannot read the ledger' }

# What was read is delivered, in the fallback sink, dead-lettered, dropped,
# returned or held; `held` is the rest.  Nobody holds records of a partition
# that no worker has, or of one where nothing is in flight and nothing moves.
sub uncounted
{
	my ($key, $old, $row) = @_;
	my $still = $row->{state} !~ /^(?:HELD|REVOKING)$/ ||
	    ($old && $old->{read} == $row->{read} &&
	    !$old->{in_flight} && !$row->{in_flight});
	my $text = join(', ', map { "$_ $row->{$_}" } qw(read delivered
	    fallback dead_lettered dropped returned held));

	return "$key: more came of its records than were read: $text"
	    if $row->{held} < 0;
	return "$key: its records do not add up: $text"
	    if $still && $row->{held} != 0;
	return ();
}

sub ledger_rows
{
	my ($ledger) = @_;
	my %rows;

	for my $row (@{$ledger->{rows}}) {
		# Never committed, nothing acked: unknown offsets are null.
		$row->{$_} //= -1 for qw(committed acked);
		$rows{"$row->{topic}/$row->{partition}"} = $row;
	}
	return \%rows;
}

# Remember what is to be said when the object goes.  Start offsets are committed
# at once, so what is held can be compared soon; a join, during which nothing can
# be compared, takes up to 15 s.
sub check_ledger
{
	my ($self) = @_;
	my @quarrels;

	return if $self->{no_ledger};
	eval {
		wait_until {
			@quarrels = $self->ledger_quarrels;
			return @quarrels || $self->{compared};
		} 'a row can be compared with the broker', 45;
	} or push @quarrels, $@;
	push @{$self->{quarrels}}, @quarrels;
	return;
}

my $SANITIZER = qr/(?:Address|Leak|Thread|Memory)Sanitizer|runtime error: /;

sub finish
{
	my ($self) = @_;

	return if $self->{finished}++ || !$self->{ran};
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	if ($self->{pid}) {
		$self->check_ledger;
		$self->signal('TERM');
		my $status = $self->await_exit(30);

		is($status, 0, 'TERM: exits with 0');
	}
	# After a kill -9 of the master its workers take a moment.
	my @left;

	eval { wait_until { !(@left = pids_in($self->{dir})) } 'gone', 15 };
	for my $pid (@left) {
		(my $cmd = slurp("/proc/$pid/cmdline")) =~ tr/\0/ /;
		diag("left over: $pid $cmd");
	}
	fail('processes are left over') if @left;
	kill('KILL', @left) if @left;
	waitpid(delete $self->{pid}, 0) if $self->{pid};

	my $log = $self->log_text;
	my @crit = $log =~ /^(\S+ crit .*)$/mg;

	is("@crit", '', 'no line at crit in the log') unless
	    $self->{expect_crit};
	my ($report) = $log =~ /^(.*$SANITIZER.*(?:\n.*){0,40})/m;

	is($report, undef, 'no report of a sanitizer');
	is(join("\n", @{$self->{quarrels} // []}), '',
	    'ledger and broker agree');
	diag("the log ends with:\n" . $self->log_tail)
	    unless Test::More->builder->is_passing;
	return;
}

sub DESTROY
{
	my ($self) = @_;

	return unless $self->{owner} == $$;
	local ($?, $@);
	eval { $self->finish; 1 } or fail("finish: $@");
	kill('KILL', pids_in($self->{dir})) if $self->{ran};
	return;
}

1;
