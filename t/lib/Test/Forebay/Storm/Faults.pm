# SPDX-License-Identifier: Apache-2.0
#
# The faults of a storm, one row each, and the plan that is drawn from them.
#
#	name	as printed, and for --only
#	weight	how often
#	needs	of the host: `up`, or `any`; of all: `broker`, `log` (the sink
#		writes into a pipe), `disk` (or into a file on a small disk),
#		`lines` (either of the two), `function` (there are some)
#	draw	what is left to chance, a hash; drawn when the plan is made
#	code	does it; gets storm, host, and what was drawn
#	calm	neither keeps others from draining and committing nor moves
#		partitions to another host
#	mild	holds no partition up: it may come while an alarm is awaited
#
# What has to be said of a fault by some host, as an alarm or a line of its log,
# if it lasted so many seconds, and of each such fault or of all together, is in
# %SAID.  `deaf-sink` and `deny` last until a host has said so; see Alarms.pm.
#
# `code` returns a reason why it could not be done, or a reference to
# [ may, at_worst, seconds ]: how many records may come again because of it
# alone, how many if another fault is under way as well, how long it lasts.
#
# What may come again
#
# A worker that dies repeats what it had in flight, at most its maxRecords.
# A host that dies repeats that for each worker; and if another host takes
# over from the broker, also what was acked and not yet committed, which is
# counted in the ledger at that moment.  Who is frozen for longer than the
# session goes on as a zombie when it wakes up, with all that has come
# meanwhile, until it hears from the broker.  Everything else drains, acks
# and commits, and repeats nothing, unless another fault keeps it from that.
package Test::Forebay::Storm::Faults;

use strict;
use warnings;

use List::Util qw(sum0);

use Test::Forebay::Storm::Dice;
use Test::Forebay::Storm::Ledger;
use Test::Forebay::Storm::Outside;
use Test::Forebay::Util;

# The session's timeout is 6 s; a heartbeat goes out each second.
my $SESSION = 6;
my $SURE = 4;			# what certainly is no longer than it

my @TABLE = (
	{ name => 'kill-worker', weight => 10, needs => 'up',
	    draw => sub { { which => $_[0]->below(60) } },
	    calm => 1, code => \&kill_worker },
	{ name => 'kill-workers', weight => 4, needs => 'up',
	    calm => 1, code => \&kill_workers },
	{ name => 'kill-master', weight => 6, needs => 'up',
	    draw => sub { { down => $_[0]->between(0, 1) } },
	    calm => 1, code => \&kill_master },
	{ name => 'kill-host', weight => 4, needs => 'up',
	    draw => sub { { down => $_[0]->pick([3, $_[0]->between(0, 2)],
		[1, $_[0]->between(7, 10)]) } },
	    code => \&kill_host },
	{ name => 'hup-same', weight => 3, needs => 'up', calm => 1,
	    mild => 1,
	    code => \&hup_same },
	{ name => 'hup-live', weight => 4, needs => 'up', calm => 1,
	    mild => 1,
	    draw => sub { { batch => 50 + $_[0]->below(950) } },
	    code => \&hup_live },
	{ name => 'hup-roll', weight => 5, needs => 'up',
	    calm => 1, code => \&hup_roll },
	{ name => 'hup-broken', weight => 3, needs => 'up', calm => 1,
	    mild => 1,
	    draw => sub { { how => $_[0]->below(3) } },
	    code => \&hup_broken },
	{ name => 'leave', weight => 5, needs => 'up',
	    draw => sub { { away => $_[0]->between(0, 4) } },
	    code => \&leave },
	{ name => 'pause-worker', weight => 6, needs => 'up',
	    draw => sub { { which => $_[0]->below(60),
		secs => $_[0]->between(1, 15) } },
	    code => \&pause_worker },
	{ name => 'pause-master', weight => 4, needs => 'up',
	    draw => sub { { secs => $_[0]->between(1, 10) } },
	    code => \&pause_master },
	{ name => 'freeze-host', weight => 2, needs => 'up',
	    draw => sub { { secs => $_[0]->between(7, 12) } },
	    code => \&freeze_host },
	{ name => 'kill-broker', weight => 2, needs => 'broker',
	    draw => sub { { down => $_[0]->between(0, 3) } },
	    code => \&kill_broker },
	{ name => 'pause-broker', weight => 3, needs => 'broker',
	    draw => sub { { secs => $_[0]->between(1, 8) } },
	    code => \&pause_broker },
	{ name => 'grow', weight => 2, needs => 'broker',
	    draw => sub { { topic => $_[0]->below(2) } },
	    code => \&grow },
	{ name => 'pause-sink', weight => 4, needs => 'log',
	    draw => sub { { secs => $_[0]->between(1, 8) } },
	    code => \&pause_sink },
	{ name => 'full-disk', weight => 3, needs => 'disk',
	    draw => sub { { secs => $_[0]->between(1, 6) } },
	    code => \&full_disk },
	{ name => 'join', weight => 2, needs => 'broker',
	    draw => sub { { secs => $_[0]->between(2, 10) } },
	    code => \&join_group },
	{ name => 'trim', weight => 2, needs => 'broker', calm => 1,
	    mild => 1,
	    draw => sub { { topic => $_[0]->below(2) } },
	    code => \&trim },
	{ name => 'future', weight => 2, needs => 'broker', calm => 1,
	    mild => 1,
	    code => \&future },
	{ name => 'slow-http', weight => 3, needs => 'up', calm => 1,
	    mild => 1,
	    draw => sub { { secs => $_[0]->between(1, 15) } },
	    code => \&slow_http },
	{ name => 'scribble', weight => 3, needs => 'up', calm => 1,
	    mild => 1,
	    code => \&scribble },
	{ name => 'cut-log', weight => 3, needs => 'broker',
	    draw => sub { { partition => $_[0]->below(2),
		batches => 1 + $_[0]->below(8),
		more => $_[0]->pick([1, 0], [3, 1 + $_[0]->below(150)]),
		down => $_[0]->between(0, 2) } },
	    code => \&cut_log },
	{ name => 'deny', weight => 2, needs => 'broker', code => \&deny },
	{ name => 'deaf-sink', weight => 3, needs => 'lines',
	    code => \&deaf_sink },
	{ name => 'kill-function', weight => 12, needs => 'function',
	    draw => sub { { which => $_[0]->below(60) } },
	    code => \&kill_function },
	{ name => 'stop-function', weight => 10, needs => 'function',
	    draw => sub { { which => $_[0]->below(60),
		secs => $_[0]->between(1, 5) } },
	    code => \&stop_function },
	{ name => 'hup-function', weight => 2, needs => 'function',
	    code => \&hup_function },
	{ name => 'ask', weight => 8, needs => 'any', calm => 1, mild => 1,
	    draw => sub { { what => $_[0]->pick([2, 'status'], [1, 'shm'],
		[2, 'metrics']) } },
	    code => \&ask },
);

my %SAID = (
	'cut-log' => [0, qr/ its log was cut and (?:has other|ends at) /, 1],
	future => [0, qr/ event time: \d+ event times were more than /],
	# Down for two seconds: see kill_broker().
	'kill-broker' => [17, qr/ broker: no broker can be reached/],
	scribble => [0, qr/ledger: another process has written over /],
);

# What hosts should have said of these faults, and their logs do not have.
sub unsaid
{
	my ($log, @applied) = @_;
	my %due;

	for my $fault (@applied) {
		my ($least, undef, $each) = @{$SAID{$fault->{name}} // next};

		next if $fault->{lasts} < $least;
		$due{$fault->{name}} = $each ?
		    ($due{$fault->{name}} // 0) + 1 : 1;
	}
	return sort grep { times_said($_, $log) < $due{$_} } keys %due;
}

sub times_said
{
	my ($name, $log) = @_;

	return scalar(() = $log =~ /$SAID{$name}[1]/g);
}

my %BY_NAME = map { $_->{name} => $_ } @TABLE;

sub names { return map { $_->{name} } @TABLE }

sub by_name { return $BY_NAME{$_[0]} }

# All faults of a storm: [ { at, name, host, args } ].  Nothing that happens
# in it has a say in what is drawn.
sub plan
{
	my (%opt) = @_;
	my $dice = Test::Forebay::Storm::Dice->new($opt{seed});
	my %only = map { $_ => 1 } @{$opt{only} // []};
	my @rows = grep { (!%only || $only{$_->{name}}) &&
	    ($_->{needs} ne 'function' || $opt{functions}) &&
	    ($_->{needs} !~ /^(?:log|disk|lines)$/ || $opt{sink} eq 'log') } @TABLE;
	my $at = 0;
	my @plan;

	for my $name (keys %only) {
		$BY_NAME{$name} or die "no fault $name; there are: "
		    . join(' ', names()) . "\n";
	}
	@rows or die "none of these faults can be had here\n";
	while (1) {
		$at += $dice->between(1, 5);
		return @plan if $at > $opt{seconds};
		my $row = $dice->pick(map { [$_->{weight}, $_] } @rows);
		my $host = $dice->below($opt{hosts});

		push @plan, { at => $at, name => $row->{name},
			host => $host,
			args => $row->{draw} ? $row->{draw}->($dice) : {} };
	}
}

# ---- processes of a host -------------------------------------------------

sub kill_worker
{
	my ($storm, $h, $args) = @_;
	my @pids = $storm->worker_pids($h) or return 'it has no worker';

	kill('KILL', $pids[$args->{which} % @pids]);
	return [($storm->in_flight(1)) x 2, 0];
}

sub kill_workers
{
	my ($storm, $h) = @_;
	my @pids = $storm->worker_pids($h) or return 'it has no worker';

	kill('KILL', @pids);
	return [($storm->in_flight(scalar @pids)) x 2, 0];
}

# Its workers drain, and the ledger has what they ack; unless somebody else
# takes over before a new master has committed that.
sub kill_master
{
	my ($storm, $h, $args) = @_;
	my $worst = $storm->in_flight_of($h) + $storm->uncommitted($h);

	$storm->kill_master($h, $args->{down});
	return [0, $worst, $args->{down} + 2];
}

sub kill_host
{
	my ($storm, $h, $args) = @_;
	my $mine = $storm->in_flight_of($h);

	$storm->kill_host($h, $args->{down});
	my $worst = $mine + $storm->uncommitted($h);

	return [$args->{down} > $SURE ? $worst : $mine, $worst,
		$args->{down} + 2];
}

sub pause_worker
{
	my ($storm, $h, $args) = @_;
	my @pids = $storm->worker_pids($h) or return 'it has no worker';
	my $most = $storm->in_flight(1);

	$storm->pause($pids[$args->{which} % @pids], $args->{secs});
	# The watchdog kills after 5 s.
	return [$args->{secs} < $SURE ? 0 : $most, $most, $args->{secs}];
}

sub pause_master
{
	my ($storm, $h, $args) = @_;
	my $worst = zombie($storm, $args->{secs});

	$storm->stop_and_go($h, $args->{secs}, 'paused', $h->{f}{pid});
	return [$args->{secs} < $SURE ? 0 : $worst, $worst, $args->{secs}];
}

sub freeze_host
{
	my ($storm, $h, $args) = @_;
	my $worst = zombie($storm, $args->{secs});

	$storm->stop_and_go($h, $args->{secs}, 'frozen',
	    pids_in($h->{f}{dir}));
	return [$worst, $worst, $args->{secs}];
}

# Everything that has come in that time, that long until it knows, and what
# was in flight.
sub zombie
{
	my ($storm, $secs) = @_;

	return int($storm->{rate} * ($secs + 5)) + $storm->in_flight_of_all;
}

sub leave
{
	my ($storm, $h, $args) = @_;

	$storm->leave($h, $args->{away});
	return [0, $storm->in_flight_of_all, $args->{away} + 5];
}

# ---- functions of a host -------------------------------------------------

# What a sink has taken and not answered comes again; what a transformer or a
# map has no sink has seen.
sub in_function
{
	my ($storm, $h, $pid) = @_;

	return $storm->is_sink($pid) ? $storm->in_flight(1) : 0;
}

sub kill_function
{
	my ($storm, $h, $args) = @_;
	my @pids = $storm->function_pids($h) or return 'it has no function';
	my $pid = $pids[$args->{which} % @pids];
	my $may = in_function($storm, $h, $pid);

	kill('KILL', $pid);
	return [($may) x 2, 2];
}

# Back-pressure, and nothing is taken from it.  What a drain does not wait for
# it may write when it goes on.
sub stop_function
{
	my ($storm, $h, $args) = @_;
	my @pids = $storm->function_pids($h) or return 'it has no function';
	my $pid = $pids[$args->{which} % @pids];

	$storm->pause($pid, $args->{secs});
	return [0, in_function($storm, $h, $pid), $args->{secs}];
}

# All of them are replaced, when they have answered what they have.
sub hup_function
{
	my ($storm, $h) = @_;
	my $most = sum0(map { in_function($storm, $h, $_) }
	    $storm->function_pids($h));

	$h->{version}++;
	$h->{f}->edit(sub {
		$_->{env}{STORM} = $h->{version}
		    for values %{$_[1]{functions}};
	});
	$h->{f}->signal('HUP');
	return [0, $most, 5];
}

# ---- manifests -----------------------------------------------------------

sub hup_same
{
	my ($storm, $h) = @_;

	$h->{f}->signal('HUP');
	return [0, 0, 0];
}

sub hup_live
{
	my ($storm, $h, $args) = @_;

	$h->{version}++;
	$h->{f}->edit(sub {
		$_[0]{limits}{readBatchSize} = $args->{batch};
	});
	$h->{f}->signal('HUP');
	return [0, 0, 0];
}

sub hup_roll
{
	my ($storm, $h) = @_;

	$h->{version}++;
	$h->{workers} = $h->{workers} == 2 ? 3 : 2;
	$h->{f}->edit(sub { $_[1]{workers} = $h->{workers} });
	$h->{f}->signal('HUP');
	return [0, $storm->in_flight_of($h), 5];
}

my @BROKEN = (
	"kind: MonoVertex\nspec: {nonsense: [1,\n",
	"apiVersion: numaflow.numaproj.io/v1alpha1\nkind: MonoVertex\n"
	    . "metadata: {name: demo}\nspec: {source: {}, sink: {}}\n",
	'',
);

# It says no, and goes on with what it has.
sub hup_broken
{
	my ($storm, $h, $args) = @_;
	my $f = $h->{f};

	my $version = ++$h->{version};

	spew($f->{file}, $BROKEN[$args->{how}]);
	$storm->job("a broken manifest, host $h->{name}",
	    [$f->command, 'reload', '-d', $f->{run}], sub {
		my ($status, $out, $err) = @_;

		# Somebody has changed it again: nobody knows what was read.
		return unless $h->{version} == $version;
		my $shown = $h->{f}->status;

		# A good one for whoever is started next.
		$h->{version}++;
		$f->write_manifest;
		return $status == 0 ? 'was accepted' :
		    $err eq '' ? "refused without a word ($status)" :
		    $shown && $shown->{manifest}{last_ok} ?
		    'refused, and `status` shows none of it' : undef;
	});
	return [0, 0, 0];
}

# ---- what all have in common ---------------------------------------------

sub kill_broker
{
	my ($storm, $h, $args) = @_;

	$storm->kill_broker($args->{down});
	my $most = zombie($storm, $args->{down} + $SESSION);

	return [$most, $most, $args->{down} + 15];
}

# Its clock runs on, and when it wakes up all sessions are over at once.
sub pause_broker
{
	my ($storm, $h, $args) = @_;
	my $most = zombie($storm, $args->{secs});

	$storm->pause_broker($args->{secs});
	return [$args->{secs} < $SURE ? 0 : $most, $most,
		$args->{secs} + 5];
}

sub grow
{
	my ($storm, $h, $args) = @_;
	my $why = $storm->grow($args->{topic});

	return $why // [0, $storm->in_flight_of_all, 10];
}

# Nobody takes the lines: back-pressure, and no reason to be killed.
sub pause_sink
{
	my ($storm, $h, $args) = @_;

	$storm->pause($h->{relay}, $args->{secs});
	return [0, $storm->in_flight_of($h), $args->{secs}];
}

# Back-pressure again: no line may be glued to a fragment of another.
sub full_disk
{
	my ($storm, $h, $args) = @_;
	my $why = Test::Forebay::Storm::Outside::fill_disk($storm, $h,
	    $args->{secs});

	return $why // [0, $storm->in_flight_of($h), $args->{secs}];
}

# The sink takes nothing until the host has raised the alarm.
sub deaf_sink
{
	my ($storm, $h) = @_;

	return 'it holds no partition' unless $storm->holds_any($h);
	my $over = $h->{relay} ? $storm->hold($h->{relay}) :
	    Test::Forebay::Storm::Outside::occupy_disk($h);

	return $over unless ref $over;
	$storm->await_alarm('sink', [$h], $over);
	return [0, $storm->in_flight_of($h), 0];
}

# It gets nothing of ours, but all partitions are given out anew, twice.
sub join_group
{
	my ($storm, $h, $args) = @_;

	Test::Forebay::Storm::Outside::join_group($storm, $args->{secs});
	return [0, $storm->in_flight_of_all, $args->{secs} + $SESSION];
}

sub trim
{
	my ($storm, $h, $args) = @_;
	my $why = Test::Forebay::Storm::Outside::trim($storm, $args->{topic});

	return $why // [0, 0, 0];
}

# The broker is away, as in kill_broker().
sub cut_log
{
	my ($storm, $h, $args) = @_;
	my $why = $storm->cut_log($args);
	my $most = zombie($storm, $args->{down} + $SESSION);

	return $why // [$most, $most, $args->{down} + 15];
}

# One topic may not be read; what is acked of it is not committed.
sub deny
{
	my ($storm) = @_;
	my $why = $storm->deny_edge;

	return $why // [0, $storm->in_flight_of_all, 0];
}

sub future
{
	my ($storm) = @_;
	my $why = Test::Forebay::Storm::Outside::produce_far($storm);

	return $why // [0, 0, 0];
}

sub slow_http
{
	my ($storm, $h, $args) = @_;
	my $why = Test::Forebay::Storm::Outside::slow_clients($storm, $h,
	    $args->{secs});

	return $why // [0, 0, $args->{secs}];
}

# Made good within a second; a master that is killed before leaves a ledger
# that the next one does not believe.
sub scribble
{
	my ($storm, $h) = @_;
	my $left = $storm->uncommitted($h);
	my $why = Test::Forebay::Storm::Ledger::scribble(
	    "$h->{f}{run}/ledger");

	return $why // [0, $left + 2 * $storm->in_flight_of($h), 2];
}

# An answer, or a sentence why there is none; either in time.
sub ask
{
	my ($storm, $h, $args) = @_;

	$storm->ask($h, $args->{what});
	return [0, 0, 0];
}

1;
